"""Small real series that ship with the package."""

from importlib import resources

import pandas as pd

__all__ = ["load_airline_passengers"]


def load_airline_passengers() -> pd.DataFrame:
    """Return the monthly international airline passengers of 1949 to 1960.

    Returns
    -------
    DataFrame of shape (144, 1)
        Column ``passengers``, in thousands a month, at a monthly DatetimeIndex named
        ``month`` with ``freq="MS"``.

    References
    ----------
    Box & Jenkins 1976, "Time Series Analysis: Forecasting and Control", Series G;
    from Brown 1962, "Smoothing, Forecasting and Prediction of Discrete Time Series".

    Examples
    --------
    >>> from sklstm import load_airline_passengers
    >>> load_airline_passengers().shape
    (144, 1)
    """
    path = resources.files("sklstm") / "data" / "airline_passengers.csv"
    with path.open() as file:
        series = pd.read_csv(file, index_col="month", parse_dates=["month"])
    return series.astype(float).asfreq("MS")
