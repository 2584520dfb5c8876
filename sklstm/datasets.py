"""Small real series that ship with the package."""

from importlib import resources

import pandas as pd

__all__ = ["load_airline_passengers", "load_m4_hourly"]


def __dir__() -> list[str]:
    # What a notebook completes: the loaders, not what this file is made of.
    return sorted({name for name in globals() if name.startswith("__")} | {*__all__})


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


def load_m4_hourly() -> pd.DataFrame:
    """Return 24 hourly series of the M4 competition as a long frame.

    Returns
    -------
    DataFrame of shape (17952, 3)
        Columns ``series`` (``H1`` to ``H24``), ``hour`` (1 to 748) and ``value``, in
        the unit of each series. The competition trained on the first 700 hours and
        forecast the last 48.

    Notes
    -----
    The series are the first 24 hourly ones of https://github.com/Mcompetitions/M4-methods,
    unchanged. That repository has no licence; asked for the one of the data, the
    organisers call them completely open-access and free to use for research (its
    issue 16). The Monash Time Series Forecasting Archive publishes the same series
    under the Creative Commons Attribution 4.0 licence.

    References
    ----------
    Makridakis, Spiliotis & Assimakopoulos 2020, "The M4 Competition: 100,000 time
    series and 61 forecasting methods", doi:10.1016/j.ijforecast.2019.04.014.

    Godahewa, Bergmeir, Webb, Hyndman & Montero-Manso 2021, "Monash Time Series
    Forecasting Archive", doi:10.48550/arXiv.2105.06643.

    Examples
    --------
    >>> from sklstm import load_m4_hourly
    >>> load_m4_hourly().head(2)
      series  hour  value
    0     H1     1  605.0
    1     H1     2  586.0
    """
    path = resources.files("sklstm") / "data" / "m4_hourly.csv"
    with path.open() as file:
        wide = pd.read_csv(file)
    return (
        wide.astype(float)
        .astype({"hour": int})
        .melt(id_vars="hour", var_name="series", value_name="value")[
            ["series", "hour", "value"]
        ]
    )
