"""
What each ingredient of the defaults earns, and what other values would
=======================================================================

Takes one ingredient of ``LSTMRegressor()`` away at a time, or gives one parameter
another value, on the tasks of ``accuracy.py``, and prints the error as a multiple of
that of the defaults: more than 1 means that the default is better. Geometric means over
the tasks of each group, then over groups. ETTh1 stands with its first task; the panels
are left out, for time.

A default that is best on these groups may be so by chance. So, for each parameter, the
second table chooses its value for every group by the other groups alone, and says what
the values chosen so would have come to.

Run: ``python ablation.py DIR [--seeds 1] [--only NAME …]``.
"""

# %%
import argparse
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
    "the prior": {"prior": False},
    "highway": {"highway": False},
    "last-value centring": {"scaling": "standard"},
    "early stopping": {"early_stopping": False},
    "Huber's loss": {"loss": "mse"},
    "a single network (n_models=3)": {"n_models": 3},
    "patches": {"patch": 1},
    "direct steps (recursive)": {"kind": Recursive},
}
# Values beside the default ones.
OTHERS = {
    "units": (16, 64),
    "learning_rate": (0.001, 0.004),
    "batch_size": (16, 64),
    "n_iter_no_change": (5, 20),
    "validation_fraction": (0.1, 0.3),
    "dropout": (0.1,),
}
PATCHED = ("bike", "taylor", "ETTh1/L96-H24")


def variants_of(names):
    """Return (name, parameters) of everything that is compared with the defaults."""
    variants = [(f"without {name}", params) for name, params in WITHOUT.items()]
    for parameter, values in OTHERS.items():
        variants += [(f"{parameter}={value}", {parameter: value}) for value in values]
    return [
        (name, params)
        for name, params in variants
        if not names or any(word in name for word in names)
    ]


def logs_of(folder, tasks, n_seeds, **params):
    """Return the logarithm of the mean error of each task, by its name."""
    return {
        task["id"]: np.log(
            np.mean(
                [
                    run[task["report"][0]]
                    for run in runs_of(folder, task, n_seeds, **params)
                ]
            )
        )
        for task in tasks
    }


def by_group(logs, whole):
    """Return the mean log ratio of each group to that of the defaults."""
    groups: dict[str, list[float]] = {}
    for task, log in logs.items():
        groups.setdefault(task.split("/")[0], []).append(log - whole[task])
    return {group: float(np.mean(values)) for group, values in groups.items()}


def print_row(name, ratios, groups):
    """Print geometric means; groups on which nothing changes count as 1."""
    means = [ratios.get(group, 0.0) for group in groups]
    cells = [f"{np.exp(mean):.3f}" for mean in [*means, np.mean(means)]]
    print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def print_choices(parameter, ratios, groups):
    """Print which value each group would get from the others, and what of it."""
    chosen, came = {}, {}
    for group in groups:
        others = [other for other in groups if other != group]
        means = {
            value: np.mean([of_group[other] for other in others])
            for value, of_group in ratios.items()
        }
        chosen[group] = min(means, key=means.get)
        came[group] = ratios[chosen[group]][group]
    cells = [f"{chosen[group]} ({np.exp(came[group]):.3f})" for group in groups]
    overall = f"{np.exp(np.mean(list(came.values()))):.3f}"
    print(f"| {parameter} | " + " | ".join([*cells, overall]) + " |", flush=True)


def main(folder, n_seeds, names):
    """Print both tables."""
    tasks = tasks_of(folder, PREFIXES)
    groups = list(dict.fromkeys(task["id"].split("/")[0] for task in tasks))
    head = " | ".join(groups) + " | all groups |\n" + "|---" * (len(groups) + 2) + "|"
    print("| instead of the defaults | " + head)
    whole = logs_of(folder, tasks, n_seeds)
    default = dict.fromkeys(groups, 0.0)
    choices = {parameter: {"default": default} for parameter in OTHERS}
    for name, params in variants_of(names):
        some = tasks
        if name == "without patches":  # only long windows have any
            some = tasks_of(folder, PATCHED)
        elif "kind" in params:
            some = [task for task in tasks if task["h"] > 1]
        logs = logs_of(folder, some, n_seeds, **params)
        ratios = by_group(logs, whole)
        print_row(name, ratios, groups)
        parameter, _, value = name.partition("=")
        if parameter in choices:
            choices[parameter][value] = ratios
    print("\n| chosen by the other groups | " + head)
    for parameter, of_values in choices.items():
        if len(of_values) > 1:
            print_choices(parameter, of_values, groups)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME")
    given = parser.parse_args()
    main(given.folder, given.seeds, given.only)
