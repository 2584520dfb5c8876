"""ErrorByStepDisplay: errors of backtests, step by step."""

import numpy as np
import pandas as pd
import pytest
from pictures import check_picture
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from sklstm import BacktestResult, ErrorByStepDisplay


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


def result_of_errors(seed, *, groups=("north",)):
    """Return a backtest with two baselines, one of which is off by 2."""
    frame = frame_of_errors(seed, groups=groups)
    if len(groups) == 1:
        frame = frame.drop(columns="group")
    # Times of a backtest come more than once.
    frame = frame.set_index(frame.pop("origin") + frame["step"])
    baselines = pd.DataFrame({"naive": frame["y_true"] + 2.0, "ridge": frame["y_pred"]})
    n_origins = len(frame) // 8
    # The units of MASE differ from fold to fold; one fold has none.
    scales = np.array([0.5, 3.0, np.nan])[frame["fold"]]
    return BacktestResult(frame, baselines, scales, np.arange(n_origins))


def percent_of_mean(truth, made):
    """Return the mean of the errors in per cent of the mean of both values."""
    pairs = zip(truth, made, strict=True)
    return np.mean([200 * abs(t - m) / (t + m) for t, m in pairs])


ERRORS = {
    "mae": ("MAE", mean_absolute_error),
    "rmse": ("RMSE", root_mean_squared_error),
    "smape": ("sMAPE", percent_of_mean),
}


@pytest.mark.parametrize("metric", ERRORS)
@pytest.mark.parametrize("groups", [["north"], ["north", "south"]])
def test_a_backtest_is_drawn_beside_its_baselines(metric, groups):
    """Lines are the models of ``summary``, their points its errors by step."""
    result = result_of_errors(1, groups=groups)
    display = ErrorByStepDisplay.from_predictions(result, metric=metric)
    assert list(display.errors) == list(result.summary().index)
    column, error = ERRORS[metric]
    errors = result.summary(by="step")[column].unstack("model")
    for name, line in display.errors.items():
        np.testing.assert_allclose(line["mean"], errors[name])
    frame = result.predictions
    for step, line in display.errors["model"].iterrows():
        parts = [
            frame[(frame["step"] == step) & (frame["fold"] == fold)]
            for fold in range(3)
        ]
        folds = [error(part["y_true"], part["y_pred"]) for part in parts]
        np.testing.assert_allclose(
            (line["lowest"], line["highest"]), (min(folds), max(folds))
        )
    if metric != "smape":
        np.testing.assert_allclose(display.errors["naive"], 2.0)
    check_picture(display.figure_)


def test_mase_by_step_is_that_of_the_summary():
    """Errors are measured in the unit of their fold; a fold without one is left out."""
    result = result_of_errors(1)
    display = ErrorByStepDisplay.from_predictions(result, metric="mase")
    errors = result.summary(by="step")["MASE"].unstack("model")
    for name, line in display.errors.items():
        np.testing.assert_allclose(line["mean"], errors[name])
    # The naive forecast is off by 2, in units of 0.5 and of 3.
    by_hand = [2.0 / 3.0, 4.0, (2.0 / 3.0 + 4.0) / 2]
    found = display.errors["naive"][["lowest", "highest", "mean"]]
    np.testing.assert_allclose(found, [by_hand] * 8)
    several = ErrorByStepDisplay.from_predictions({"LSTM": result}, metric="mase")
    pd.testing.assert_frame_equal(several.errors["LSTM"], display.errors["model"])
    check_picture(display.figure_)
    for plain in (result.predictions, {"a": result, "b": result.predictions}):
        with pytest.raises(ValueError, match=r"for metric='mase'.* Got predictions"):
            ErrorByStepDisplay.from_predictions(plain, metric="mase")


@pytest.mark.parametrize(
    ("metric", "words"),
    [("mae", "MAE"), ("rmse", "RMSE"), ("mase", "MASE"), ("smape", "sMAPE (%)")],
)
def test_the_axis_says_what_bars_are(metric, words):
    """Bars go over folds; where there is one fold alone there are none."""
    result = result_of_errors(0)
    display = ErrorByStepDisplay.from_predictions(result, metric=metric)
    assert display.ax_.get_ylabel() == f"{words}\nbars: best to worst fold"
    if metric != "mase":
        one_fold = result.predictions.assign(fold=0)
        display = ErrorByStepDisplay.from_predictions(one_fold, metric=metric)
        assert display.ax_.get_ylabel() == words


def test_several_backtests_are_compared():
    """Of results by name, each has one line: that of its model."""
    results = {"LSTM": result_of_errors(1), "trees": result_of_errors(2)}
    display = ErrorByStepDisplay.from_predictions(results)
    assert list(display.errors) == ["LSTM", "trees"]
    for name, result in results.items():
        own = ErrorByStepDisplay.from_predictions(result).errors["model"]
        pd.testing.assert_frame_equal(display.errors[name], own)


def test_many_groups_become_one_line():
    """Up to six groups have a line each; of more, bars show the range."""
    few = ErrorByStepDisplay.from_predictions(frame_of_errors(0, groups=list("abcdef")))
    assert list(few.errors) == list("abcdef")
    frame = frame_of_errors(0, groups=list("abcdefg"))
    many = ErrorByStepDisplay.from_predictions(frame)
    (line,) = many.errors.values()
    first = frame[frame["step"] == 1]
    sizes = (first["y_pred"] - first["y_true"]).abs().groupby(first["group"]).mean()
    assert line.loc[1, "highest"] == pytest.approx(sizes.max())


def test_the_line_of_many_groups_is_said_to_be_of_all_rows():
    """Groups weigh as many rows as they have, and the legend says what is drawn."""
    rows = [("abcdefg"[at], at + 1.0) for at in range(7) for _ in range(at + 1)]
    frame = pd.DataFrame(rows, columns=["group", "y_pred"])
    frame = frame.assign(y_true=0.0, step=1, fold=0)
    display = ErrorByStepDisplay.from_predictions(frame)
    (line,) = display.errors.values()
    # 28 rows: one with an error of 1, two with one of 2, and so on to seven of 7.
    by_hand = sum(n * n for n in range(1, 8)) / 28
    assert line.loc[1].to_dict() == {"lowest": 1.0, "highest": 7.0, "mean": by_hand}
    (text,) = display.figure_.legends[0].get_texts()
    assert text.get_text() == "all rows of 7 groups"
    assert display.ax_.get_ylabel() == "MAE\nbars: best to worst group"
    check_picture(display.figure_)


@pytest.mark.parametrize("name", ["step", "fold", "group"])
def test_labels_may_be_called_as_columns_are(name):
    """An index named as a column changes nothing."""
    for groups in (["north"], ["north", "south"]):
        result = result_of_errors(0, groups=groups)
        plain = ErrorByStepDisplay.from_predictions(result.predictions).errors
        result.predictions.index.name = result.baselines.index.name = name
        named = ErrorByStepDisplay.from_predictions(result.predictions).errors
        assert list(named) == list(plain)
        for line in plain:
            pd.testing.assert_frame_equal(named[line], plain[line])
        assert len(ErrorByStepDisplay.from_predictions(result).errors) == 3


def test_models_whose_names_begin_with_an_underscore_are_in_the_legend():
    """Matplotlib leaves such labels out; here each line is named."""
    frames = {"_old": frame_of_errors(0), "new": frame_of_errors(1)}
    display = ErrorByStepDisplay.from_predictions(frames)
    texts = [text.get_text().strip() for text in display.figure_.legends[0].get_texts()]
    assert texts == ["_old", "new"]


def test_a_single_step_is_drawn():
    """Backtests of one step have one point a line."""
    display = ErrorByStepDisplay.from_predictions(frame_of_errors(0, steps=1))
    check_picture(display.figure_)
    assert display.ax_.get_xlim() == (0.4, 1.6)


def test_errors_need_their_columns():
    """Missing columns and other metrics are named."""
    with pytest.raises(ValueError, match=r"Got none called \['fold'\]"):
        ErrorByStepDisplay.from_predictions(frame_of_errors(0).drop(columns="fold"))
    with pytest.raises(ValueError, match=r"one of \['mae', .*\. Got 'mape'"):
        ErrorByStepDisplay.from_predictions(frame_of_errors(0), metric="mape")


@pytest.mark.parametrize(
    ("other", "came"), [([1], "list"), ({}, "dict"), (pd.Series([1.0]), "Series")]
)
def test_what_is_no_backtest_is_refused(other, came):
    """What has no predictions is named, in a sentence."""
    with pytest.raises(ValueError, match=rf"needs a BacktestResult.* Got {came};"):
        ErrorByStepDisplay.from_predictions(other)
    if came != "dict":
        with pytest.raises(ValueError, match=rf"needs a BacktestResult.* Got {came};"):
            ErrorByStepDisplay.from_predictions({"LSTM": other})
