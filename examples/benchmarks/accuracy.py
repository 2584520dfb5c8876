"""
How accurate the default settings are
=====================================

Scores ``LSTMRegressor()`` with its default settings on a folder of public series that
holds ``tasks.json`` (the protocol), ``accbench.py`` (its harness) and
``BASELINES.json`` (naive forecasts and ridge regressions of the same protocol). Only
horizon and season come from the protocol, and the window where it prescribes one;
nothing is tuned for a series. Several steps are predicted directly (``steps=h``).
Series of a panel are learned together, from one long frame.

Beside the defaults stand what they are made of, the prior alone, which learns nothing
from the series, and the prior with the highway (``epochs=0``); with ``--peers`` AutoETS
and AutoTheta of ``statsforecast``, fitted anew to every history, on tasks of up to
2,000 histories.

Run: ``python accuracy.py DIR [--seeds 3] [--tasks classics mackey …] [--peers]``.
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
from sklstm.network._prior import LEVELS, longest_window, prior_forecast
from sklstm.windows._season import with_season

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
# Series of hours for which the protocol names no season, or the day alone.
HOURLY = ("ETTh1", "beijing_pm25", "m4_hourly")
LONGEST_SEASON = 336
PEERS, MOST_HISTORIES = ("AutoETS", "AutoTheta"), 2000


def harness_of(folder):
    """Return the module that loads and scores the tasks of a folder."""
    spec = importlib.util.spec_from_file_location("accbench", folder / "accbench.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tasks_of(folder, prefixes):
    """Return the tasks on real series whose names begin with one of the prefixes."""
    return [
        task
        for task in json.loads((folder / "tasks.json").read_text())
        if task["kind"] != "synthetic" and task["id"].startswith(tuple(prefixes))
    ]


def season_of(task):
    """Return the season of a task, and a longer one that it divides."""
    if task["id"].startswith(HOURLY):
        return (24, 168)
    first, *longer = task["season"] or [1]
    return (first, *(m for m in longer if m % first == 0 and m <= LONGEST_SEASON))


def newest_windows(histories, length):
    """Return the newest steps of each history, NaN before it begins."""
    tables = [history.reshape(len(history), -1)[-length:] for history in histories]
    windows = np.full((len(tables), length, tables[0].shape[1]), np.nan)
    for window, table in zip(windows, tables, strict=True):
        window[length - len(table) :] = table
    return windows


class OneSeries:
    """The regressor on the windows of a series, target first."""

    def __init__(self, window, season, **params):
        self.window, self.season, self.params = window, season, params

    def fit(self, series, h):
        """Fit on the windows of all series together, which are equally long."""
        tables = [values.reshape(len(values), -1) for values in series]
        sliding = SlidingWindow(self.window, season=self.season)
        windows = [sliding.fit_transform(each) for each in tables]
        X = windows[0]
        if len(windows) > 1:
            X = with_season(np.concatenate(windows), self.season)
        y = np.concatenate([each[:, 0] for each in tables])
        self.regressor = LSTMRegressor(steps=h, **self.params).fit(X, y)

    def predict(self, histories, h):  # noqa: ARG002
        """Return what follows each history."""
        return self.regressor.predict_steps(self.newest(histories))

    def newest(self, histories):
        """Return the newest window of each history."""
        return newest_windows(histories, self.regressor.window_)


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

    def __init__(self, window, season, **params):
        self.window, self.season, self.params = window, season, params

    def fit(self, series, h):
        """Fit on all series together."""
        frame = self.frame(series)
        self.pipe = make_pipeline(
            SlidingWindow(
                self.window, season=self.season, groups="series", time="step"
            ),
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


class PriorAlone:
    """The prior's forecast of each history; nothing is learned from the series."""

    def __init__(self, season):
        self.season = season

    def fit(self, series, h):
        """Learn nothing."""

    def predict(self, histories, h):
        """Return the median of what follows each history."""
        longest = max(map(len, histories))
        season = tuple(m for m in self.season if 2 * m <= longest) or (1,)
        targets = [history.reshape(len(history), -1)[:, 0] for history in histories]
        windows = newest_windows(targets, min(longest, longest_window(season)))
        return prior_forecast(windows[:, :, 0], season, h)[:, :, LEVELS.index(0.5)]


class Peer:
    """A model of ``statsforecast``, fitted anew to each history."""

    def __init__(self, name, season):
        self.name, self.season = name, season

    def fit(self, series, h):
        """Wait for the histories."""

    def predict(self, histories, h):
        """Return what follows each history."""
        from statsforecast import models

        if len(histories) > MOST_HISTORIES or histories[0].ndim > 1:
            return np.full((len(histories), h), np.nan)
        model = getattr(models, self.name)(season_length=self.season[0])
        return np.stack([model.forecast(y=each, h=h)["mean"] for each in histories])


def runs_of(folder, task, n_seeds, kind=None, **params):
    """Return the scores of a task with each seed, and the seconds of the fits."""
    harness = harness_of(folder)
    kind = kind or (Panel if task["kind"] == "panel" else OneSeries)
    given = task.get("L", "auto"), season_of(task)
    return [
        harness.run(folder, task, kind(*given, random_state=seed, **params))
        for seed in range(n_seeds)
    ]


def scores_of(folder, task, known, n_seeds, peers):
    """Return what the table has of a task, column by column."""
    metric, season = task["report"][0], season_of(task)
    harness = harness_of(folder)
    runs = runs_of(folder, task, n_seeds)
    ours = [run[metric] for run in runs]
    scores = {
        "prior alone": harness.run(folder, task, PriorAlone(season))[metric],
        "prior + highway": runs_of(folder, task, 1, epochs=0)[0][metric],
        "all three": float(np.mean(ours)),
        "worst seed": max(ours),
        "naive": min(v[metric] for k, v in known.items() if "naive" in k),
        "ridge": min(v[metric] for k, v in known.items() if k.startswith("ridge")),
    }
    for name in peers:
        scores[name] = harness.run(folder, task, Peer(name, season))[metric]
    scores["ours / ridge"] = scores["all three"] / scores["ridge"]
    return scores | {"fit s": np.mean([run["fit_s"] for run in runs])}


def print_means(table):
    """Print geometric means of each group, and over groups: ratios to naive, ridge."""
    models = [name for name in table if name in ("prior alone", "prior + highway")]
    models += ["all three", *(name for name in table if name in PEERS)]
    group = table.index.str.split("/").str[0]
    is_one = table.index.str.endswith("1step")
    for to in ("naive", "ridge"):
        logs = np.log(table[models].div(table[to], axis=0))
        means = logs.groupby(group, sort=False).mean()
        rows = {
            "all groups": means.mean(),
            "without mackey_glass": means.drop("mackey_glass", errors="ignore").mean(),
        }
        for name, some in (("1 step", is_one), ("several steps", ~is_one)):
            rows[f"classics, {name}"] = logs[(group == "classics") & some].mean()
        means = pd.concat([means, pd.DataFrame(rows).T])
        print(f"\nerrors / {to}, geometric means:")
        print(np.exp(means).round(3).to_string())


def main(folder, n_seeds, prefixes, peers):
    """Print a row for each task, then geometric means over groups."""
    baselines = json.loads((folder / "BASELINES.json").read_text())
    start = time.perf_counter()
    table = {}
    for task in tasks_of(folder, prefixes):
        name, metric = task["id"], task["report"][0]
        table[name] = scores_of(folder, task, baselines[name], n_seeds, peers)
        if len(table) == 1:
            print("| task | metric | " + " | ".join(table[name]) + " | good |")
            print("|---" * (len(table[name]) + 3) + "|")
        cells = " | ".join(f"{score:.4g}" for score in table[name].values())
        print(f"| {name} | {metric} | {cells} | {GOOD.get(name, '')} |", flush=True)
    print_means(pd.DataFrame(table).T)
    print(f"\n{n_seeds} seed(s), {(time.perf_counter() - start) / 60:.1f} minutes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tasks", nargs="+", default=[""], metavar="PREFIX")
    parser.add_argument("--peers", action="store_true")
    given = parser.parse_args()
    has_peers = given.peers and importlib.util.find_spec("statsforecast")
    if given.peers and not has_peers:
        print("AutoETS and AutoTheta need statsforecast")
    main(given.folder, given.seeds, given.tasks, PEERS if has_peers else ())
