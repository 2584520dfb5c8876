"""What the benchmarks share: contestants that take turns, and tables of ratios."""

import os
import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

__all__ = ["is_installed", "race", "table"]


def is_installed(name: str) -> bool:
    """Return whether a peer is there to compare with."""
    return find_spec(name) is not None


def race(contestants: dict[str, Callable[[], object]], repeats: int) -> dict:
    """Return the median seconds of each contestant, all of them taking turns.

    Turns keep the ratios fair where other work on the machine comes and goes.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(repeats):
        for name, run in contestants.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def table(title: str, seconds: dict, *, ours: str = "sklstm") -> None:
    """Print milliseconds, and how many times as long as ours each contestant takes."""
    print(f"\n{title}\n{'':24}{'ms':>12}{'ratio to ours':>16}")
    for name, value in seconds.items():
        print(f"{name:24}{value * 1e3:12.1f}{value / seconds[ours]:16.2f}", flush=True)
