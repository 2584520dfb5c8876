"""The next values of a time series from an LSTM, as a scikit-learn estimator."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sklstm._storage import load, save
    from sklstm.datasets import load_airline_passengers, load_m4_hourly
    from sklstm.forecasting._backtest import backtest
    from sklstm.forecasting._forecast import forecast
    from sklstm.forecasting._result import BacktestResult
    from sklstm.forecasting._update import update
    from sklstm.metrics import (
        interval_coverage,
        mean_absolute_scaled_error,
        mean_interval_score,
        symmetric_mean_absolute_percentage_error,
    )
    from sklstm.network._keras_regressor import KerasRegressor
    from sklstm.network._regressor import LSTMRegressor
    from sklstm.views._contributions import ContributionDisplay, contributions
    from sklstm.views._forecast_display import ForecastDisplay
    from sklstm.views._gates import GateDisplay, gates
    from sklstm.windows._sliding_window import SlidingWindow
    from sklstm.windows._split import PanelTimeSeriesSplit

__version__ = "0.1.0"

__all__ = [
    "BacktestResult",
    "ContributionDisplay",
    "ForecastDisplay",
    "GateDisplay",
    "KerasRegressor",
    "LSTMRegressor",
    "PanelTimeSeriesSplit",
    "SlidingWindow",
    "backtest",
    "contributions",
    "forecast",
    "gates",
    "interval_coverage",
    "load",
    "load_airline_passengers",
    "load_m4_hourly",
    "mean_absolute_scaled_error",
    "mean_interval_score",
    "save",
    "symmetric_mean_absolute_percentage_error",
    "update",
]

_ROOMS = {
    name: f"sklstm.{room}"
    for room, names in {
        "_storage": "load save",
        "datasets": "load_airline_passengers load_m4_hourly",
        "forecasting._backtest": "backtest",
        "forecasting._forecast": "forecast",
        "forecasting._result": "BacktestResult",
        "forecasting._update": "update",
        "metrics": "interval_coverage mean_absolute_scaled_error mean_interval_score "
        "symmetric_mean_absolute_percentage_error",
        "network._keras_regressor": "KerasRegressor",
        "network._regressor": "LSTMRegressor",
        "views._contributions": "ContributionDisplay contributions",
        "views._forecast_display": "ForecastDisplay",
        "views._gates": "GateDisplay gates",
        "windows._sliding_window": "SlidingWindow",
        "windows._split": "PanelTimeSeriesSplit",
    }.items()
    for name in names.split()
}


def __getattr__(name: str):
    """Import a public name when it is first asked for (PEP 562)."""
    if name in _ROOMS:
        return getattr(import_module(_ROOMS[name]), name)
    raise AttributeError(f"module 'sklstm' has no attribute {name!r}")


def __dir__() -> list[str]:
    # What a notebook completes: the public names, not what this file is made of.
    return sorted({name for name in globals() if name.startswith("__")} | {*__all__})
