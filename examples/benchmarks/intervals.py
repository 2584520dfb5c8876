"""
Do intervals hold what they promise?
====================================

Backtests on a folder of public series: forecasts from every origin of the newest part
of each series, several steps ahead, and for each the interval that ``forecast`` would
have made from the residuals known at that time. The table gives the share of values
that intervals of 0.9 and 0.8 held, and the mean interval score (Winkler; in units of
the first column's, smaller is better).

* *ridge*: ``Ridge`` on ``SlidingWindow(layout="flat")``, fed back step by step.
* *LSTM*: ``LSTMRegressor(steps=h)`` with its default settings.
* *quantiles*: ``LSTMRegressor(steps=h, loss="quantile")``, its own quantiles at each
  origin, no residuals.

All are fitted anew in every one of the folds. Nothing is chosen by looking at these
numbers; windows, steps and rows were set beforehand: a season or a usual length, and
the newest rows where a series is longer than 6,000.

Run: ``python intervals.py DIR [--models ridge LSTM quantiles] [--series airline …]``.
"""

# %%
import argparse
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import TimeSeriesSplit
from sklearn.pipeline import make_pipeline

from sklstm import (
    LSTMRegressor,
    SlidingWindow,
    backtest,
    interval_coverage,
    mean_interval_score,
)

COVERAGES = (0.9, 0.8)
LEVELS = (0.05, 0.1, 0.5, 0.9, 0.95)
MOST_ROWS = 6_000

# %%
# Every series of the folder with at least 200 rows, and two monthly ones that are
# shorter: (file, filter, column, window, steps).
SERIES = {
    "airline": ("classics.csv.gz", "airline", "y", 13, 12),
    "wineind": ("classics.csv.gz", "wineind", "y", 13, 12),
    "ausbeer": ("classics.csv.gz", "ausbeer", "y", 16, 4),
    "female_births": ("classics.csv.gz", "female_births", "y", 14, 7),
    "sunspots_monthly": ("classics.csv.gz", "sunspots_monthly", "y", 24, 12),
    "melbourne_min_temp": ("classics.csv.gz", "melbourne_min_temp", "y", 24, 12),
    "household_power": (
        "household_power_daily.csv.gz",
        None,
        "Global_active_power",
        28,
        7,
    ),
    "taylor_demand": ("taylor_demand.csv.gz", None, "y", 336, 48),
    "mackey_glass": ("mackey_glass_htm.csv.gz", None, "y", 20, 6),
    "beijing_pm25": ("beijing_pm25.csv.gz", None, "pm2.5", 24, 12),
    "bike_sharing": ("bike_sharing_hourly.csv.gz", None, "users", 168, 24),
    "ETTh1 OT": ("ETTh1.csv.gz", None, "OT", 96, 24),
}


def rows_of(folder, name):
    """Return a series as a DataFrame with one column, the newest rows of it."""
    file, part, column, _, _ = SERIES[name]
    table = pd.read_csv(folder / file)
    if part is not None:
        table = table[table["series"] == part]
    values = table[column].astype(float).ffill().dropna().reset_index(drop=True)
    return values.tail(MOST_ROWS).reset_index(drop=True).to_frame("y")


def model_of(name, window, steps):
    """Return the pipeline that a column of the table is about."""
    if name == "ridge":
        windows = SlidingWindow(window, layout="flat")
        return make_pipeline(windows, SimpleImputer(), Ridge())
    loss = {"loss": "quantile", "quantiles": LEVELS} if name == "quantiles" else {}
    regressor = LSTMRegressor(steps=steps, random_state=0, **loss)
    return make_pipeline(SlidingWindow(window), regressor)


def folds_of(n_rows):
    """Return the splitter: the newer half of the rows in four folds."""
    return TimeSeriesSplit(4, test_size=n_rows // 8)


def from_residuals(model, X, steps):
    """Return the intervals of a backtest by coverage."""
    result = backtest(model, X, X["y"], cv=folds_of(len(X)), steps=steps)
    return {coverage: result.intervals(coverage) for coverage in COVERAGES}


def from_quantiles(model, X, steps):
    """Return the intervals that a quantile network gives, by coverage."""
    parts = {coverage: [] for coverage in COVERAGES}
    for train, test in folds_of(len(X)).split(X):
        model.fit(X.iloc[train], X["y"].iloc[train])
        first = test[:-steps] if test[-1] == len(X) - 1 else test
        windows = model[0].transform(X.iloc[test[0] :])[: len(first)]
        levels = model[-1].predict_quantiles(windows)
        truth = X["y"].to_numpy()[first[:, None] + np.arange(steps)]
        for coverage, (low, high) in zip(COVERAGES, ((0, 4), (1, 3)), strict=True):
            ends = {"y_lower": levels[..., low], "y_upper": levels[..., high]}
            made = {"y_true": truth, **ends}
            parts[coverage].append(
                pd.DataFrame({name: part.ravel() for name, part in made.items()})
            )
    return {coverage: pd.concat(tables) for coverage, tables in parts.items()}


def main(folder, models, names):
    """Print a row for each series, then how many were within three points."""
    heads = [f"{m} {c:g} | score" for m in models for c in COVERAGES]
    print(f"| series | rows | h | {' | '.join(heads)} | s |")
    print("|---|---|---|" + "---|---|" * len(heads) + "---|")
    close = dict.fromkeys(heads, 0)
    for name in names:
        start = time.perf_counter()
        X = rows_of(folder, name)
        window, steps = SERIES[name][3:]
        cells, units = [], {}
        for model in models:
            make = from_quantiles if model == "quantiles" else from_residuals
            intervals = make(model_of(model, window, steps), X, steps)
            for coverage, made in intervals.items():
                ends = made["y_true"], made["y_lower"], made["y_upper"]
                share = interval_coverage(*ends)
                score = mean_interval_score(*ends, coverage=coverage)
                unit = units.setdefault(coverage, score)
                cells.append(f"{share:.3f} | {score / unit:.2f}")
                close[f"{model} {coverage:g} | score"] += abs(share - coverage) <= 0.03
        seconds = time.perf_counter() - start
        print(
            f"| {name} | {len(X)} | {steps} | {' | '.join(cells)} | {seconds:.0f} |",
            flush=True,
        )
    counts = " | ".join(f"{count} of {len(names)} | " for count in close.values())
    print(f"| within 0.03 | | | {counts} | |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--models", nargs="+", default=["ridge", "LSTM", "quantiles"])
    parser.add_argument("--series", nargs="+", default=list(SERIES))
    given = parser.parse_args()
    main(given.folder, given.models, given.series)
