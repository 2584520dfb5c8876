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
* *quantiles*: ``LSTMRegressor(steps=h, quantiles=…)``, its own quantiles at each
  origin, no residuals.
* *calibrated*: the same quantiles, each widened or narrowed by how far the truth lay
  beyond it at the origins before (conformalised quantile regression).

All are fitted anew in every one of the folds. Nothing is chosen by looking at these
numbers; windows, steps and rows were set beforehand: a season or a usual length, and
the newest rows where a series is longer than 6,000.

Run: ``python intervals.py DIR [--models ridge LSTM …] [--series airline …]``.
"""

# %%
import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
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
MODELS = ("ridge", "LSTM", "quantiles", "calibrated")
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
    quantiles = None if name == "LSTM" else LEVELS
    regressor = LSTMRegressor(steps=steps, quantiles=quantiles, random_state=0)
    return make_pipeline(SlidingWindow(window), regressor)


def folds_of(n_rows):
    """Return the splitter: the newer half of the rows in four folds."""
    return TimeSeriesSplit(4, test_size=n_rows // 8)


def as_learned(result, coverage):
    """Return the intervals between the two quantiles, as the network has them."""
    levels = np.array(LEVELS)
    low, high = (
        result.quantiles.iloc[:, int(np.abs(levels - level).argmin())]
        for level in ((1 - coverage) / 2, (1 + coverage) / 2)
    )
    return result.predictions.assign(y_lower=low, y_upper=high)


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
        cells, units, results = [], {}, {}
        for model in models:
            kind = "quantiles" if model == "calibrated" else model
            if kind not in results:
                pipe, cv = model_of(kind, window, steps), folds_of(len(X))
                results[kind] = backtest(pipe, X, X["y"], cv=cv, steps=steps)
            result = results[kind]
            for coverage in COVERAGES:
                if model == "quantiles":
                    made = as_learned(result, coverage)
                else:
                    made = result.intervals(coverage)
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
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--series", nargs="+", default=list(SERIES))
    given = parser.parse_args()
    main(given.folder, given.models, given.series)
