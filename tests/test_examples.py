"""Examples run from beginning to end, as a reader would run them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "examples"
GUIDE = FOLDER / "guide"

# Something of the last line that an example prints.
FAST = {
    "plot_alignment": "saved alignment.svg",
    "plot_airline_passengers": "saved airline_passengers.png",
    "plot_backtest": "saved backtest.png",
    "plot_covariates": "saved covariates.png",
    "plot_first_steps": "Name: even, dtype: float64",
    "plot_intervals": "saved intervals.png",
    "plot_online_updates": "saved online_updates.png",
    "plot_why_it_works": "measured",
}
# The same, and the library that it takes.
SLOW = {
    "plot_long_memory": ("predictions", "matplotlib"),
    "plot_panel": ("saved panel.png", "matplotlib"),
    "search_with_dask": ("Freq: MS", "distributed"),
    "search_with_optuna": ("Freq: MS", "optuna_integration"),
}


# Every warning is an error, but for what pandas 2.2.0 says when it is imported.
RUN = r"""
import runpy
import sys
import warnings

warnings.filterwarnings("ignore", r"\s*Pyarrow will", DeprecationWarning)
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def last_line_of(name, folder):
    """Return the last line that an example prints, in a process of its own."""
    environment = {
        "MPLBACKEND": "Agg",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN, FOLDER / f"{name}.py"],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | environment,
        timeout=1800,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [line for line in done.stdout.splitlines() if line][-1]


def words_of(picture):
    """Return what is written in an SVG, in the order in which it is drawn."""
    return re.findall(r"<text[^>]*>([^<]+)</text>", picture.read_text("utf-8"))


def test_every_example_is_run():
    """No example is forgotten here."""
    found = {path.stem for path in FOLDER.glob("*.py")}
    assert found == {*FAST, *SLOW}


@pytest.mark.parametrize("name", FAST)
def test_fast_examples_run(name, tmp_path):
    """Examples come to their last line without a warning."""
    pytest.importorskip("matplotlib")
    assert FAST[name] in last_line_of(name, tmp_path)
    for drawn in tmp_path.glob("*.svg"):  # those that the guide shows
        assert words_of(GUIDE / drawn.name) == words_of(drawn) != []


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_slow_examples_run(name, tmp_path):
    """So do those that take minutes or other libraries, when asked for."""
    end, library = SLOW[name]
    pytest.importorskip(library)
    assert end in last_line_of(name, tmp_path)
