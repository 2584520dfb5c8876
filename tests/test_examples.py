"""Examples run from beginning to end, as a reader would run them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "examples"
GUIDE = FOLDER / "guide"

# Something of the last line that an example prints.
FAST = {
    "plot_alignment": "saved alignment.png",
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


def last_line_of(name, folder):
    """Return the last line that an example prints, in a process of its own."""
    environment = {
        "MPLBACKEND": "Agg",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", FOLDER / f"{name}.py"],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | environment,
        timeout=1800,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [line for line in done.stdout.splitlines() if line][-1]


def assert_same_picture(expected, drawn):
    """Two pictures differ by no more than versions of matplotlib draw letters."""
    imread = pytest.importorskip("matplotlib.pyplot").imread
    expected, drawn = imread(expected), imread(drawn)
    assert expected.shape == drawn.shape
    assert np.abs(expected - drawn).mean() < 0.01


def test_every_example_is_run():
    """No example is forgotten here."""
    found = {path.stem for path in FOLDER.glob("*.py")}
    assert found == {*FAST, *SLOW}


@pytest.mark.parametrize("name", FAST)
def test_fast_examples_run(name, tmp_path):
    """Examples come to their last line without a warning."""
    pytest.importorskip("matplotlib")
    assert FAST[name] in last_line_of(name, tmp_path)
    drawn_for_the_guide = GUIDE / f"{name.removeprefix('plot_')}.png"
    if drawn_for_the_guide.exists():
        assert_same_picture(drawn_for_the_guide, tmp_path / drawn_for_the_guide.name)


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_slow_examples_run(name, tmp_path):
    """So do those that take minutes or other libraries, when asked for."""
    end, library = SLOW[name]
    pytest.importorskip(library)
    assert end in last_line_of(name, tmp_path)
