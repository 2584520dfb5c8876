"""
What each ingredient of the defaults earns
==========================================

Takes one ingredient of ``LSTMRegressor()`` away at a time, on the tasks of
``accuracy.py``, and prints the error as a multiple of that of the defaults: more than 1
means that the ingredient earns something. Geometric means over the tasks of each group,
then over groups. ETTh1 stands with its first task; the panels are left out, for time.

Run: ``python ablation.py DIR [--seeds 1]``.
"""

# %%
import argparse
import json
from pathlib import Path

import numpy as np
from accuracy import Recursive, runs_of, tasks_of

PREFIXES = (
    "classics",
    "beijing_pm25/1step-uni",
    "bike",
    "taylor",
    "household",
    "mackey",
    "ETTh1/L96-H24",
)
WITHOUT = {
    "highway": {"highway": False},
    "last-value centring": {"scaling": "standard"},
    "choice of scaling": {"scaling": "last"},
    "early stopping": {"early_stopping": False},
    "refit": {"refit": False},
    "Huber's loss": {"loss": "mse"},
    "a single network (n_models=3)": {"n_models": 3},
    "patches": {"patch": 1},
    "direct steps (recursive)": {"kind": Recursive},
}


def errors_of(folder, baselines, tasks, n_seeds, **params):
    """Return the mean error of each task, by its name."""
    return {
        task["id"]: np.mean(
            [
                run[task["report"][0]]
                for run in runs_of(folder, task, baselines, n_seeds, **params)
            ]
        )
        for task in tasks
    }


def main(folder, n_seeds):
    """Print a row for each ingredient that is taken away."""
    baselines = json.loads((folder / "BASELINES.json").read_text())
    tasks = tasks_of(folder, PREFIXES)
    groups = list(dict.fromkeys(task["id"].split("/")[0] for task in tasks))
    print("| without | " + " | ".join(groups) + " | all groups |")
    print("|---" * (len(groups) + 2) + "|")
    whole = errors_of(folder, baselines, tasks, n_seeds)
    for name, params in WITHOUT.items():
        some = tasks
        if name == "patches":  # only long windows have any
            some = tasks_of(folder, ("bike", "taylor", "ETTh1/L96-H24"))
        elif "kind" in params:
            some = [task for task in tasks if task["h"] > 1]
        errors = errors_of(folder, baselines, some, n_seeds, **params)
        logs = {
            group: [
                np.log(error / whole[task])
                for task, error in errors.items()
                if task.startswith(group)
            ]
            for group in groups
        }
        means = [np.mean(each) if each else 0.0 for each in logs.values()]
        cells = [f"{np.exp(mean):.3f}" for mean in [*means, np.mean(means)]]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--seeds", type=int, default=1)
    given = parser.parse_args()
    main(given.folder, given.seeds)
