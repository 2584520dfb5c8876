"""What a reader finds in fitted estimators, of whatever wraps their windows."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklstm import LSTMRegressor, SlidingWindow
from sklstm.forecasting._reader import (
    is_direct,
    plain_pipeline,
    reader_from,
    reader_of_rows,
    window_columns,
)


@pytest.fixture(scope="module")
def X():
    """Return a series, a name of each of its days, and a column of no use."""
    rng = np.random.default_rng(0)
    names = np.where(rng.random(50) < 0.4, "promo", "none")
    return pd.DataFrame(
        {"load": rng.normal(size=50).cumsum() + 50, "name": names, "noise": 1.0},
        index=pd.date_range("2024-01-01", periods=50, freq="D"),
    ).assign(noise=rng.normal(size=50))


def linear(*fronts, **params):
    windows = SlidingWindow(4, layout="flat", **params)
    return make_pipeline(*fronts, windows, SimpleImputer(), LinearRegression())


def test_rows_that_are_read(X):
    """Lag and window say how many rows; all of them behind a step in front."""
    load = X[["load"]]
    reader = reader_from(linear(horizon=3).fit(load, load["load"]))
    assert (reader.lag, reader.n_past, reader.n_ahead) == (3, 6, 0)
    scaler = StandardScaler().set_output(transform="pandas")
    behind = reader_from(linear(scaler, horizon=3).fit(load, load["load"]))
    assert (behind.lag, behind.n_past) == (3, None)


def test_the_pipeline_that_predicts(X):
    """A search's best one is; one whose target is transformed is not."""
    load = X[["load"]]
    search = GridSearchCV(
        linear(), {"slidingwindow__window": [3]}, cv=TimeSeriesSplit(2)
    )
    search.fit(load, load["load"])
    assert plain_pipeline(search) is search.best_estimator_
    assert reader_from(search).pipeline is search.best_estimator_
    wrapped = TransformedTargetRegressor(linear()).fit(load, load["load"])
    assert reader_from(wrapped).pipeline is None
    assert reader_from(wrapped).windows is wrapped.regressor_[0]


def test_a_gap_that_is_carried_over_is_read(X):
    """As many more rows as one column lacks in a row."""
    load = X[["load"]].copy()
    load.iloc[[10, 11, 12, 20], 0] = np.nan
    pipe = linear(missing="carry").fit(load, X["load"])
    reader = reader_from(pipe)
    assert reader_of_rows(reader, load).n_past == reader.n_past + 3
    assert reader_of_rows(reader, X[["load"]]).n_past == reader.n_past


def test_columns_behind_known_ones_are_found(X):
    """Those that change what a step in front makes, and no other."""
    front = FunctionTransformer(
        lambda X: X[["load"]].assign(
            promo=1.0 * (X["name"] == "promo"), weekday=1.0 * X.index.day_of_week
        )
    )
    pipe = linear(front, known=["promo", "weekday"]).fit(X, X["load"])
    reader = reader_of_rows(reader_from(pipe), X)
    assert reader.behind_known == ("name",)
    assert window_columns(list(X.columns), X.index, reader) == ([1], [0])
    calendar = FunctionTransformer(
        lambda X: X[["load"]].assign(weekday=1.0 * X.index.day_of_week)
    )
    pipe = linear(calendar, known="weekday").fit(X, X["load"])
    assert reader_of_rows(reader_from(pipe), X).behind_known == ()


def test_regressors_of_several_steps():
    """An LSTM of several steps is one; a pipeline, which has steps too, is not."""
    assert is_direct(LSTMRegressor(steps=2))
    assert not is_direct(LSTMRegressor())
    assert not is_direct(make_pipeline(LinearRegression()))
