"""Examples run from beginning to end, as a reader would run them."""

import os
import re
import sys
from pathlib import Path

import pytest
from by_hand import printed_afresh

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
    "plot_shop": "saved shop.png",
    "plot_why_it_works": "each in its own",
}
# What two of them print stands in the README's tables of errors.
IN_README = {
    "plot_shop": {"model": 12.7, "ridge": 14.1, "trees": 15.3, "naive": 28.7},
    "plot_airline_passengers": {"LSTM": 13.5, "ridge": 12.1, "smoothing": 10.2},
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
import warnings

warnings.filterwarnings("ignore", r"\s*Pyarrow will", DeprecationWarning)
runpy.run_path({path!r}, run_name="__main__")
"""


def printed_by(name, folder):
    """Return what an example prints, in a process of its own."""
    environment = {
        "MPLBACKEND": "Agg",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    code = RUN.format(path=str(FOLDER / f"{name}.py"))
    settings = {"cwd": folder, "env": os.environ | environment, "timeout": 1800}
    return printed_afresh(code, "-W", "error", **settings)


def last_line(printed):
    """Return the last line that is not empty."""
    return [line for line in printed.splitlines() if line][-1]


def words_of(picture):
    """Return what is written in an SVG, in the order in which it is drawn."""
    return re.findall(r"<text[^>]*>([^<]+)</text>", picture.read_text("utf-8"))


def test_every_example_is_run():
    """No example is forgotten here."""
    found = {path.stem for path in FOLDER.glob("*.py")}
    assert found == {*FAST, *SLOW}


@pytest.mark.parametrize("name", FAST)
def test_fast_examples_run(name, tmp_path):
    """Examples come to their last line without a warning, with README's numbers."""
    pytest.importorskip("matplotlib")
    printed = printed_by(name, tmp_path)
    assert FAST[name] in last_line(printed)
    for drawn in tmp_path.glob("*.svg"):  # those that the guide shows
        assert words_of(GUIDE / drawn.name) == words_of(drawn) != []
    readme = (FOLDER.parent / "README.md").read_text(encoding="utf-8")
    for model, error in IN_README.get(name, {}).items():
        found = re.findall(rf"^.*\b{model}\b\D*([\d.]+)", printed, re.MULTILINE)
        assert any(float(n) == pytest.approx(error, rel=0.02) for n in found), model
        assert f"{error}" in readme


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_slow_examples_run(name, tmp_path):
    """So do those that take minutes or other libraries, when asked for."""
    end, library = SLOW[name]
    pytest.importorskip(library)
    assert end in last_line(printed_by(name, tmp_path))


def test_the_shop_is_what_its_script_makes():
    """``shop.csv`` comes from ``make_shop``, whose code stands beside it."""
    code = (FOLDER / "plot_shop.py").read_text(encoding="utf-8")
    names = {}
    exec(code.split("\nshop = pd.read_csv")[0], names)
    assert names["make_shop"]().to_csv() == (FOLDER / "shop.csv").read_text("utf-8")
