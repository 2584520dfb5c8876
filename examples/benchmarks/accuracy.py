"""
How accurate the default settings are
=====================================

Scores ``LSTMRegressor()`` with its default settings on a folder of public series that
holds ``tasks.json`` (the protocol), ``accbench.py`` (its harness) and
``BASELINES.json`` (naive forecasts and ridge regressions of the same protocol). Only
window and horizon come from the protocol; nothing is tuned for a series. Several steps
are predicted directly (``steps=h``). Series of a panel are divided by their standard
deviation and pooled.

Run: ``python accuracy.py DIR [--seeds 3] [--tasks classics mackey_glass …]``.
"""

# %%
import argparse
import importlib.util
import json
import os
import time
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from sklstm import LSTMRegressor, SlidingWindow


def harness_of(folder):
    """Return the module that loads and scores the tasks of a folder."""
    spec = importlib.util.spec_from_file_location("accbench", folder / "accbench.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Pooled:
    """The default regressor on the windows of one or several series."""

    def __init__(self, window, is_panel, seed):
        self.window, self.is_panel, self.seed = window, is_panel, seed

    def fit(self, series, h):
        """Fit on the windows of all series together."""
        windows, targets = [], []
        for values in series:
            values = values.reshape(len(values), -1)
            values = values / self._scale(values)
            windows.append(SlidingWindow(self.window).fit_transform(values))
            targets.append(values[:, 0])
        self.regressor = LSTMRegressor(steps=h, random_state=self.seed)
        X = windows[0] if len(windows) == 1 else np.concatenate(windows)
        self.regressor.fit(X, np.concatenate(targets))

    def predict(self, histories, h):  # noqa: ARG002
        """Return what follows each history."""
        n_channels = histories[0][:1].size
        X = np.full((len(histories), self.window, n_channels), np.nan, np.float32)
        scales = np.ones(len(histories))
        for row, history in enumerate(histories):
            values = history.reshape(len(history), -1)
            scales[row] = self._scale(values)
            newest = values[-self.window :] / scales[row]
            X[row, self.window - len(newest) :] = newest
        return self.regressor.predict_steps(X) * scales[:, None]

    def _scale(self, values):
        return np.abs(values[:, 0]).mean() or 1.0 if self.is_panel else 1.0


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


def main(folder, n_seeds, prefixes):
    """Print a row for each task, then geometric means over groups."""
    harness = harness_of(folder)
    baselines = json.loads((folder / "BASELINES.json").read_text())
    tasks = [
        task
        for task in json.loads((folder / "tasks.json").read_text())
        if task["kind"] != "synthetic" and task["id"].startswith(tuple(prefixes))
    ]
    print(
        "| task | metric | ours, mean | worst | naive | ridge | ours / ridge | fit s |"
    )
    print("|---|---|---|---|---|---|---|---|")
    to_ridge: dict[str, list[float]] = {}
    to_naive: dict[str, list[float]] = {}
    start = time.perf_counter()
    for task in tasks:
        name, metric = task["id"], task["report"][0]
        known = baselines[name]
        window = window_of(task, known)
        is_panel = task["kind"] == "panel"
        runs = [
            harness.run(folder, task, Pooled(window, is_panel, seed))
            for seed in range(n_seeds)
        ]
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
            f"{ridge} | {ratio} | {seconds:.1f} |",
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
