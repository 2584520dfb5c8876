"""What the benchmarks share: contestants that take turns, and tables of ratios.

Nothing heavy is imported here: the processes that measure start from a light one.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

__all__ = [
    "is_installed",
    "race",
    "race_processes",
    "seconds_of",
    "table",
    "take_turns",
]


def is_installed(name: str) -> bool:
    """Return whether a peer is there to compare with."""
    return find_spec(name) is not None


def seconds_of(run: Callable[[], object]) -> float:
    """Return how long a function takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def race(contestants: dict[str, Callable[[], object]], repeats: int) -> dict:
    """Return the median seconds of each contestant, all of them taking turns.

    Turns keep the ratios fair where other work on the machine comes and goes.
    """
    turns = [
        {name: seconds_of(run) for name, run in contestants.items()}
        for _ in range(repeats)
    ]
    return _medians(turns)


def race_processes(contestants: dict[str, list[str]], repeats: int) -> dict:
    """Return the median seconds of contestants, each in a process of its own.

    PyTorch and TensorFlow crash in one process, and the threads of one library get in
    the way of another's.

    Parameters
    ----------
    contestants : dict of lists of str
        Arguments with which the running script calls :func:`take_turns`.
    repeats : int
        Turns of each; all processes are there from the first to the last.
    """
    processes = {}
    try:
        for name, arguments in contestants.items():
            processes[name] = _started(arguments)
            _answer(processes[name])  # warmed up
        turns = [
            {name: _seconds_of_turn(process) for name, process in processes.items()}
            for _ in range(repeats)
        ]
    finally:
        for process in processes.values():
            process.communicate()  # no more turns: it ends
    return _medians(turns)


def take_turns(run: Callable[[], object]) -> None:
    """Warm up; then run whenever the parent says so, and print the seconds.

    A turn is a run, or as many as take a fifth of a second: the first milliseconds
    after a rest are slower than those of a long search.
    """
    run()
    print("ready", flush=True)
    for _ in sys.stdin:
        n_runs, start, seconds = 0, time.perf_counter(), 0.0
        while seconds < 0.2:
            run()
            n_runs += 1
            seconds = time.perf_counter() - start
        print(seconds / n_runs, flush=True)


def table(title: str, seconds: dict, *, ours: str = "sklstm", reach: str = "") -> None:
    """Print milliseconds, and how many times as long as ours each contestant takes."""
    print(f"\n{title}\n{'':28}{'ms':>12}{'ratio to ours':>16}")
    for name, value in seconds.items():
        print(f"{name:28}{value * 1e3:12.3f}{value / seconds[ours]:16.2f}")
    print(f"reach: {reach}" if reach else "", flush=True)


def _started(arguments: list[str]) -> subprocess.Popen:
    """Return a process of the running script that takes turns."""
    return subprocess.Popen(
        [sys.executable, sys.argv[0], *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _seconds_of_turn(process: subprocess.Popen) -> float:
    """Let a contestant run once, when the threads of the one before sleep."""
    time.sleep(0.5)
    process.stdin.write("run\n")
    process.stdin.flush()
    return float(_answer(process))


def _answer(process: subprocess.Popen) -> str:
    """Return the next line of a contestant."""
    if not (line := process.stdout.readline()):
        raise RuntimeError(f"{process.args} ended before its turn.")
    return line


def _medians(turns: list[dict[str, float]]) -> dict[str, float]:
    """Return the median seconds of each contestant."""
    return {name: statistics.median(turn[name] for turn in turns) for name in turns[0]}
