"""ErrorByStepDisplay: errors of backtests, step by step."""

import numpy as np
import pandas as pd
import pytest
from pictures import check_picture

from sklstm import ErrorByStepDisplay


def frame_of_errors(seed, *, steps=8, groups=("north",)):
    """Return a tidy frame of errors that grow with the step."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [range(12), range(1, steps + 1), groups], names=["origin", "step", "group"]
    )
    frame = index.to_frame(index=False).assign(y_true=rng.normal(50, 9, len(index)))
    errors = rng.normal(size=len(index)) * np.sqrt(frame["step"])
    return frame.assign(y_pred=frame["y_true"] + errors, fold=frame["origin"] // 4)


@pytest.mark.parametrize("metric", ["mae", "rmse"])
def test_errors_are_those_of_a_loop(metric):
    """Mean over everything, lowest and highest fold, step by step."""
    frame = frame_of_errors(5).drop(columns="group")
    display = ErrorByStepDisplay.from_predictions(frame, metric=metric)

    def error(part):
        errors = part["y_pred"] - part["y_true"]
        if metric == "mae":
            return np.mean([abs(e) for e in errors])
        return np.sqrt(np.mean([e * e for e in errors]))

    found = display.errors[None]
    for step in range(1, 9):
        part = frame[frame["step"] == step]
        folds = [error(part[part["fold"] == fold]) for fold in range(3)]
        expected = [min(folds), max(folds), error(part)]
        np.testing.assert_allclose(
            found.loc[step, ["lowest", "highest", "mean"]], expected
        )
    drawn = display.ax_.lines[0].get_ydata().astype(float)
    np.testing.assert_allclose(drawn, found["mean"])


def test_many_groups_become_one_line():
    """Up to six groups have a line each; of more, bars show the range."""
    few = ErrorByStepDisplay.from_predictions(frame_of_errors(0, groups=list("abcdef")))
    assert list(few.errors) == list("abcdef")
    frame = frame_of_errors(0, groups=list("abcdefg"))
    many = ErrorByStepDisplay.from_predictions(frame)
    assert list(many.errors) == [None]
    first = frame[frame["step"] == 1]
    sizes = (first["y_pred"] - first["y_true"]).abs().groupby(first["group"]).mean()
    assert many.errors[None].loc[1, "highest"] == pytest.approx(sizes.max())


def test_a_single_step_is_drawn():
    """Backtests of one step have one point a line."""
    display = ErrorByStepDisplay.from_predictions(frame_of_errors(0, steps=1))
    check_picture(display.figure_)
    assert display.ax_.get_xlim() == (0.4, 1.6)


def test_errors_need_their_columns():
    """Missing columns and other metrics are named."""
    with pytest.raises(ValueError, match=r"Got none called \['fold'\]"):
        ErrorByStepDisplay.from_predictions(frame_of_errors(0).drop(columns="fold"))
    with pytest.raises(ValueError, match=r"must be 'mae' or 'rmse'\. Got 'mape'"):
        ErrorByStepDisplay.from_predictions(frame_of_errors(0), metric="mape")
