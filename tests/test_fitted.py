"""What is found in fitted estimators, of whatever wraps their windows."""

import numpy as np
import pandas as pd
import pytest
from by_hand import (
    WINDOW,
    JumpRegressor,
    behind,
    forecast_by_predict,
    frame,
    linear,
    tree,
)
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import StackingRegressor, VotingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklstm import SlidingWindow, forecast


def search(estimator, **grid):
    """Return a search over these lists of parameters."""
    return GridSearchCV(estimator, grid, cv=TimeSeriesSplit(3))


def search_of_windows():
    return search(linear(), slidingwindow__window=[2, 5])


def logarithmic(regressor):
    return TransformedTargetRegressor(regressor, func=np.log, inverse_func=np.exp)


def in_columns():
    """Return windows of the one column inside a column transformer."""
    windows = make_column_transformer((SlidingWindow(WINDOW, layout="flat"), ["load"]))
    return make_pipeline(windows, SimpleImputer(), LinearRegression())


ESTIMATORS = {
    "search": search_of_windows,
    "target": lambda: logarithmic(linear()),
    "search of target": lambda: search(
        logarithmic(linear()), regressor__slidingwindow__window=[2, 5]
    ),
    "target of search": lambda: logarithmic(search_of_windows()),
    "voting": lambda: VotingRegressor([("a", linear(2)), ("b", tree(6))]),
    "voting of horizons": lambda: VotingRegressor(
        [("a", linear(horizon=2)), ("b", tree(horizon=4))]
    ),
    "stacking": lambda: StackingRegressor(
        [("a", linear(2)), ("b", tree(6))], final_estimator=Ridge()
    ),
    "pipeline in pipeline": lambda: make_pipeline(
        StandardScaler().set_output(transform="pandas"), linear()
    ),
    "search in pipeline": lambda: make_pipeline(
        *linear()[:-1], search(Ridge(), alpha=[0.1, 10])
    ),
    "column transformer": in_columns,
    "union": lambda: make_pipeline(
        make_union(*(SlidingWindow(n, layout="flat") for n in (2, 5))),
        SimpleImputer(),
        LinearRegression(),
    ),
    # X brings the labels that a step in front loses, the rows before a window that one
    # reads, and the stamps that one makes a known column of.
    "index lost in front": lambda: behind(StandardScaler()),
    "mean in front": lambda: behind(
        FunctionTransformer(lambda X: X.rolling(9, min_periods=1).mean())
    ),
    "weekday in front": lambda: behind(
        FunctionTransformer(lambda X: X.assign(day=1.0 * X.index.day_of_week)),
        known="day",
    ),
}


# The folds of stacking lie in the middle of the rows that it fits on.
@pytest.mark.filterwarnings("ignore:20% of the 40 rows", "ignore:X begins at")
@pytest.mark.filterwarnings("ignore:X has no index")
@pytest.mark.parametrize("name", ESTIMATORS)
def test_any_estimator(name):
    """What wraps a pipeline forecasts what a loop over its own ``predict`` does."""
    X = frame("load")
    estimator = ESTIMATORS[name]().fit(X, X["load"])
    expected = forecast_by_predict(estimator, X, steps=5)
    result = forecast(estimator, X, steps=5)
    np.testing.assert_allclose(result, expected, rtol=1e-5)
    frozen = forecast(FrozenEstimator(estimator), X, steps=5)
    pd.testing.assert_series_equal(frozen, result)


def test_one_pipeline_for_each_target():
    """MultiOutputRegressor feeds every target back, as a 2-D y does."""
    X = frame("load", "wind")
    result = forecast(MultiOutputRegressor(linear()).fit(X, X), X, steps=4)
    expected = forecast(linear().fit(X, X), X, steps=4)
    pd.testing.assert_frame_equal(result, expected, rtol=1e-4)


def jumps():
    return make_pipeline(SlidingWindow(WINDOW), JumpRegressor())


DIRECT = [1, 10, 100, 101, 110, 200, 201]
RECURSIVE = [1, 2, 3, 4, 5, 6, 7]
WRAPPERS = {
    "pipeline": (jumps, DIRECT),
    "search": (lambda: search(jumps()), DIRECT),
    "search in search": (lambda: search(search(jumps())), DIRECT),
    "target": (lambda: TransformedTargetRegressor(jumps()), RECURSIVE),
    "voting": (lambda: VotingRegressor([("a", jumps()), ("b", jumps())]), RECURSIVE),
    "search of target": (
        lambda: search(TransformedTargetRegressor(jumps())),
        RECURSIVE,
    ),
    "frozen": (lambda: FrozenEstimator(jumps()), DIRECT),
}


@pytest.mark.filterwarnings("ignore:From step")
@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("steps", [1, 3, 7])
def test_direct_or_recursive(wrapper, steps):
    """All steps are used where one pipeline predicts, else the first is fed back."""
    make, jump = WRAPPERS[wrapper]
    X, estimator = frame("load").round(), make()
    inner = estimator.estimator if wrapper == "frozen" else estimator
    inner.fit(X, X["load"])
    result = forecast(estimator, X, steps=steps)
    np.testing.assert_allclose(result - X["load"].iloc[-1], jump[:steps])


NO_WINDOWS = (ValueError, "needs a fitted estimator with a Sliding")
NOT_FITTED = (NotFittedError, "SlidingWindow is not fitted; call fit")
REFUSED = {
    "regressor": (lambda X: LinearRegression().fit(X, X["load"]), *NO_WINDOWS),
    "scaler": (
        lambda X: make_pipeline(StandardScaler(), Ridge()).fit(X, X["load"]),
        *NO_WINDOWS,
    ),
    "pipeline": (lambda X: linear(), *NOT_FITTED),
    "frozen": (lambda X: FrozenEstimator(linear()), *NOT_FITTED),
    "search": (lambda X: search_of_windows(), *NOT_FITTED),
    "target": (lambda X: logarithmic(linear()), *NOT_FITTED),
    "search without refit": (
        lambda X: search_of_windows().set_params(refit=False).fit(X, X["load"]),
        *NOT_FITTED,
    ),
}


@pytest.mark.parametrize(("make", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_fitted_windows_is_refused(make, error, message):
    """What is not fitted is told from what has no windows."""
    X = frame("load")
    with pytest.raises(error, match=message):
        forecast(make(X), X, steps=1)


def test_error_window_reads_the_row_itself():
    """Horizon 0 on a column that is not known cannot forecast, and says so."""
    X = frame("load", "price")
    pipe = linear(horizon=0, known="price").fit(X, X["load"].to_numpy())
    with pytest.raises(ValueError, match="horizon=0"):
        forecast(pipe, X, steps=1, X_future=np.ones((1, 1)))


def test_error_pipelines_disagree_about_known_columns():
    """Pipelines with other known columns cannot be forecast together."""
    X = frame("load", "price")
    voting = VotingRegressor([("a", linear()), ("b", linear(known="price"))])
    with pytest.raises(ValueError, match="same 'known' columns"):
        forecast(voting.fit(X, X["load"]), X, steps=1)
