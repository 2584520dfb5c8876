"""The next values of a time series from an LSTM, as a scikit-learn estimator."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sklstm._forecast import forecast
    from sklstm._regressor import LSTMRegressor
    from sklstm._sliding_window import SlidingWindow
    from sklstm._split import PanelTimeSeriesSplit
    from sklstm.datasets import load_airline_passengers, load_m4_hourly

__version__ = "0.1.0"

__all__ = [
    "LSTMRegressor",
    "PanelTimeSeriesSplit",
    "SlidingWindow",
    "forecast",
    "load_airline_passengers",
    "load_m4_hourly",
]

_ROOMS = {
    "LSTMRegressor": "sklstm._regressor",
    "PanelTimeSeriesSplit": "sklstm._split",
    "SlidingWindow": "sklstm._sliding_window",
    "forecast": "sklstm._forecast",
    "load_airline_passengers": "sklstm.datasets",
    "load_m4_hourly": "sklstm.datasets",
}


def __getattr__(name: str):
    """Import a public name when it is first asked for (PEP 562)."""
    if name in _ROOMS:
        return getattr(import_module(_ROOMS[name]), name)
    raise AttributeError(f"module 'sklstm' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
