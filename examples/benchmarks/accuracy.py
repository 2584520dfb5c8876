"""
How accurate the default settings are
=====================================

Scores ``LSTMRegressor()`` with its default settings on a folder of public series that
holds ``tasks.json`` (the protocol), ``accbench.py`` (its harness) and
``BASELINES.json`` (naive forecasts and ridge regressions of the same protocol). Only
window and horizon come from the protocol; nothing is tuned for a series. Several steps
are predicted directly (``steps=h``). Series of a panel are learned together, from one
long frame.

Run: ``python accuracy.py DIR [--seeds 3] [--tasks classics mackey_glass …]``.
"""

# %%
import argparse
import importlib.util
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from sklstm import LSTMRegressor, SlidingWindow, forecast

# What counts as good for an LSTM: published, or a few per cent below ridge.
GOOD = {
    "beijing_pm25/1step-uni": 26.0,
    "beijing_pm25/1step-exog": 26.0,
    "household_power/h7": 370,
    "bike_sharing/h36": 55,
    "taylor_demand/h48": 1.10,
    "ETTh1/L96-H96": 0.368,
    "m4_hourly": 9.33,
    "m3_monthly": 14.0,
    "mackey_glass/k1": 0.0016,
    "mackey_glass/k6": 0.05,
}


def harness_of(folder):
    """Return the module that loads and scores the tasks of a folder."""
    spec = importlib.util.spec_from_file_location("accbench", folder / "accbench.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class OneSeries:
    """The regressor on the windows of a series, target first."""

    def __init__(self, window, **params):
        self.window, self.params = window, params

    def fit(self, series, h):
        """Fit on the windows of all series together."""
        tables = [values.reshape(len(values), -1) for values in series]
        windows = [SlidingWindow(self.window).fit_transform(each) for each in tables]
        X = windows[0] if len(windows) == 1 else np.concatenate(windows)
        y = np.concatenate([each[:, 0] for each in tables])
        self.regressor = LSTMRegressor(steps=h, **self.params).fit(X, y)

    def predict(self, histories, h):  # noqa: ARG002
        """Return what follows each history."""
        return self.regressor.predict_steps(self.newest(histories))

    def newest(self, histories):
        """Return the newest window of each history."""
        n_channels = histories[0][:1].size
        X = np.full((len(histories), self.window, n_channels), np.nan, np.float32)
        for row, history in enumerate(histories):
            newest = history.reshape(len(history), -1)[-self.window :]
            X[row, self.window - len(newest) :] = newest
        return X


class Recursive(OneSeries):
    """One step at a time, each prediction fed back; series of one channel."""

    def fit(self, series, h):  # noqa: ARG002
        """Fit on the windows of all series together."""
        super().fit(series, 1)

    def predict(self, histories, h):
        """Return what follows each history."""
        X, steps = self.newest(histories), []
        for _ in range(h):
            steps.append(self.regressor.predict(X))
            X = np.concatenate([X[:, 1:], steps[-1][:, None, None]], axis=1)
        return np.stack(steps, axis=1)


class Panel:
    """The pipeline on a long frame of many series."""

    def __init__(self, window, **params):
        self.window, self.params = window, params

    def fit(self, series, h):
        """Fit on all series together."""
        frame = self.frame(series)
        self.pipe = make_pipeline(
            SlidingWindow(self.window, groups="series", time="step"),
            LSTMRegressor(steps=h, **self.params),
        ).fit(frame, frame["value"])

    def predict(self, histories, h):
        """Return what follows each history."""
        ahead = forecast(self.pipe, self.frame(histories), steps=h)
        return ahead["value"].to_numpy().reshape(len(histories), h)

    def frame(self, series):
        """Return series as one long frame, numbered."""
        return pd.concat(
            pd.DataFrame({"series": number, "step": range(len(values))}).assign(
                value=values
            )
            for number, values in enumerate(series)
        )


def window_of(task, baselines):
    """Return the window of the best ridge regression, at least two, or a day."""
    if "L" in task:
        return task["L"]
    metric = task["report"][0]
    lengths = {
        scores[metric]: json.loads(name.removeprefix("ridge"))["L"]
        for name, scores in baselines.items()
        if name.startswith("ridge{")
    }
    length = lengths[min(lengths)] if lengths else 24
    return length if length > 1 else 24


def tasks_of(folder, prefixes):
    """Return the tasks on real series whose names begin with one of the prefixes."""
    return [
        task
        for task in json.loads((folder / "tasks.json").read_text())
        if task["kind"] != "synthetic" and task["id"].startswith(tuple(prefixes))
    ]


def runs_of(folder, task, baselines, n_seeds, kind=None, **params):
    """Return the scores of a task with each seed, and the seconds of the fits."""
    harness = harness_of(folder)
    window = window_of(task, baselines[task["id"]])
    kind = kind or (Panel if task["kind"] == "panel" else OneSeries)
    return [
        harness.run(folder, task, kind(window, random_state=seed, **params))
        for seed in range(n_seeds)
    ]


def main(folder, n_seeds, prefixes):
    """Print a row for each task, then geometric means over groups."""
    baselines = json.loads((folder / "BASELINES.json").read_text())
    tasks = tasks_of(folder, prefixes)
    print(
        "| task | metric | ours, mean | worst | naive | ridge | good | ours / ridge "
        "| fit s |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    to_ridge: dict[str, list[float]] = {}
    to_naive: dict[str, list[float]] = {}
    start = time.perf_counter()
    for task in tasks:
        name, metric = task["id"], task["report"][0]
        known = baselines[name]
        runs = runs_of(folder, task, baselines, n_seeds)
        scores = [run[metric] for run in runs]
        naive = min(v[metric] for k, v in known.items() if "naive" in k)
        ridges = [v[metric] for k, v in known.items() if k.startswith("ridge")]
        mean = float(np.mean(scores))
        ridge, ratio = "-", "-"
        group = name.split("/")[0]
        to_naive.setdefault(group, []).append(mean / naive)
        if ridges:
            ridge, ratio = f"{min(ridges):.4g}", f"{mean / min(ridges):.3f}"
            to_ridge.setdefault(group, []).append(mean / min(ridges))
        seconds = np.mean([run["fit_s"] for run in runs])
        print(
            f"| {name} | {metric} | {mean:.4g} | {max(scores):.4g} | {naive:.4g} | "
            f"{ridge} | {GOOD.get(name, '')} | {ratio} | {seconds:.1f} |",
            flush=True,
        )
    for title, groups in (("ridge", to_ridge), ("best naive", to_naive)):
        means = {k: np.exp(np.mean(np.log(v))) for k, v in groups.items()}
        print(f"\nours / {title}, geometric mean of each group:")
        for group, value in means.items():
            print(f"  {group:24}{value:.3f}")
        if means:
            overall = np.exp(np.mean(np.log(list(means.values()))))
            print(f"  {'all groups':24}{overall:.3f}")
    print(f"\n{n_seeds} seed(s), {(time.perf_counter() - start) / 60:.1f} minutes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tasks", nargs="+", default=[""], metavar="PREFIX")
    given = parser.parse_args()
    main(given.folder, given.seeds, given.tasks)
