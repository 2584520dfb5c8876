"""The result of a backtest: errors, their baselines, and what is drawn of them."""

import numpy as np
import pytest
from by_hand import flat_ridge, series
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import TimeSeriesSplit
from sklearn.pipeline import make_pipeline

from sklstm import (
    SlidingWindow,
    backtest,
    load_airline_passengers,
    mean_absolute_scaled_error,
    symmetric_mean_absolute_percentage_error,
)


def test_summary_is_that_of_the_rows():
    """Errors of each model over the same rows; MASE by each fold's training rows."""
    X = load_airline_passengers()
    y = X["passengers"]
    cv = TimeSeriesSplit(3, test_size=12)
    result = backtest(flat_ridge(12), X, y, cv=cv, steps=3, season=12)
    table = result.predictions.assign(**result.baselines)
    summary = result.summary()
    assert list(summary.index) == ["model", "naive", "seasonal naive", "ridge"]
    assert list(summary.columns) == ["MAE", "RMSE", "MASE", "sMAPE"]
    for model, column in [("model", "y_pred"), ("ridge", "ridge"), ("naive", "naive")]:
        missed = table["y_true"] - table[column]
        assert summary.loc[model, "MAE"] == pytest.approx(missed.abs().mean())
        rmse = np.sqrt((missed**2).mean())
        assert summary.loc[model, "RMSE"] == pytest.approx(rmse)
        assert summary.loc[model, "sMAPE"] == pytest.approx(
            symmetric_mean_absolute_percentage_error(table["y_true"], table[column])
        )
        scaled, sizes = [], []
        for fold, (train, _) in enumerate(cv.split(X)):
            rows = table[table["fold"] == fold]
            scaled.append(
                mean_absolute_scaled_error(
                    rows["y_true"], rows[column], y_train=y.iloc[train], season=12
                )
            )
            sizes.append(len(rows))
        mase = np.average(scaled, weights=sizes)
        assert summary.loc[model, "MASE"] == pytest.approx(mase)
    by_step = result.summary(by="step")
    for step in (1, 2, 3):
        rows = table[table["step"] == step]
        error = (rows["y_true"] - rows["naive"]).abs().mean()
        assert by_step.loc[(step, "naive"), "MAE"] == pytest.approx(error)
    assert result.summary(by="fold").shape == (12, 4)
    assert "105 origins" not in repr(result)
    assert f"BacktestResult of {len(result.origins)} origins, 3 step(s)" in repr(result)
    with pytest.raises(ValueError, match=r"one of \['step', 'fold'\] .* Got 'row'"):
        result.summary(by="row")


def test_a_season_longer_than_the_training_rows_is_told():
    """One warning before the first fit, and the numbers that it speaks of."""
    X = series()
    kwargs = {"cv": TimeSeriesSplit(3, test_size=8), "season": 40}
    with pytest.warns(
        UserWarning, match=r"more than season=40 .*Got at most 36 in 1 of 3"
    ) as told:
        result = backtest(flat_ridge(), X, X["load"], **kwargs)
    assert len(told) == 1
    by_fold = result.summary(by="fold")["MASE"]
    assert by_fold[0].isna().all()
    assert by_fold[[1, 2]].notna().all()
    own = result.predictions["fold"] == 0
    naive, seasonal = (result.baselines[n][own] for n in ("naive", "seasonal naive"))
    assert (naive[:4] == seasonal[:4]).all()
    assert (naive[5:] != seasonal[5:]).all()
    with pytest.warns(UserWarning, match=r"at most 52 in 3 of 3 fold.s.,"):
        result = backtest(flat_ridge(), X, X["load"], **kwargs | {"season": 55})
    assert result.summary()["MASE"].isna().all()
    # One more row than the season gives one change.
    assert backtest(flat_ridge(), X, X["load"], **kwargs | {"season": 35}).scales.all()


@pytest.mark.parametrize("metric", ["MAE", "RMSE", "MASE", "sMAPE"])
def test_errors_by_step_are_those_of_the_summary(metric):
    """A row for each step, a column for each model, as they are to be drawn."""
    X = series()
    cv = TimeSeriesSplit(2, test_size=8)
    result = backtest(flat_ridge(), X, X["load"], cv=cv, steps=3, season=5)
    table = result.errors_by_step(metric)
    assert table.index.tolist() == [1, 2, 3]
    assert table.columns.tolist() == ["model", "naive", "seasonal naive", "ridge"]
    for (step, model), value in result.summary(by="step")[metric].items():
        assert table.loc[step, model] == value
    with pytest.raises(ValueError, match=r"'metric' parameter .* Got 'mae'"):
        result.errors_by_step("mae")


class Weighing(RegressorMixin, BaseEstimator):
    """Predicts 0; its weights are a hundredth and a thousandth of its rows."""

    def fit(self, X, y):
        self.network_weight_ = len(X) / 100
        self.prior_weight_ = len(X) / 1000
        return self

    def predict(self, X):
        return np.zeros(len(X))


@pytest.mark.parametrize(
    ("name", "share"), [("network weight", 100), ("prior weight", 1000)]
)
def test_weights_are_means_over_the_folds(name, share):
    """Of each fold the weights of its regressor, whatever wraps it."""
    X = series()
    cv = TimeSeriesSplit(2, test_size=10)
    windows = SlidingWindow(3, layout="flat")
    wrapped = TransformedTargetRegressor(make_pipeline(windows, Weighing()))
    for model in (wrapped, Weighing()):
        result = backtest(model, X, X["load"], cv=cv)
        summary = result.summary()[name]
        assert summary["model"] == pytest.approx(45 / share)
        assert summary.drop("model").isna().all()
        by_fold = result.summary(by="fold")[name]
        assert by_fold[:, "model"].tolist() == [40 / share, 50 / share]
    assert name not in backtest(Ridge(), X, X["load"], cv=cv).summary()
