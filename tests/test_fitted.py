"""What is found in fitted estimators, of whatever wraps their windows."""

import numpy as np
import pandas as pd
import pytest
from by_hand import (
    WINDOW,
    JumpRegressor,
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
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMRegressor, SlidingWindow, forecast
from sklstm.forecasting._fitted import Fitted, fronts_and_regressor, prefix_of

# -- any estimator forecasts -------------------------------------------------------


def search():
    return GridSearchCV(
        linear(), {"slidingwindow__window": [2, 5]}, cv=TimeSeriesSplit(3)
    )


def logarithmic(regressor=None):
    return TransformedTargetRegressor(
        linear() if regressor is None else regressor, func=np.log, inverse_func=np.exp
    )


def in_columns():
    """Return windows of the one column inside a column transformer."""
    windows = make_column_transformer((SlidingWindow(WINDOW, layout="flat"), ["load"]))
    return make_pipeline(windows, SimpleImputer(), LinearRegression())


ESTIMATORS = {
    "search": search,
    "target": logarithmic,
    "search of target": lambda: GridSearchCV(
        logarithmic(),
        {"regressor__slidingwindow__window": [2, 5]},
        cv=TimeSeriesSplit(3),
    ),
    "target of search": lambda: logarithmic(search()),
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
        SlidingWindow(WINDOW, layout="flat"),
        SimpleImputer(),
        GridSearchCV(Ridge(), {"alpha": [0.1, 10]}, cv=TimeSeriesSplit(2)),
    ),
    "column transformer": in_columns,
}


# The folds of stacking lie in the middle of the rows that it fits on.
@pytest.mark.filterwarnings("ignore:20% of the 40 rows", "ignore:X begins at")
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


def test_windows_of_a_union():
    """Windows of several lengths side by side are those of a table of all of them."""
    X = frame("load")
    union = make_union(SlidingWindow(2, layout="flat"), SlidingWindow(5, layout="flat"))
    pipe = make_pipeline(union, SimpleImputer(), LinearRegression()).fit(X, X["load"])
    values = X["load"].tolist()
    for _ in range(3):
        both = [[*values[-2:], *values[-5:]]]
        values.append(float(pipe[-1].predict(both)[0]))
    found = forecast(pipe, X, steps=3)
    np.testing.assert_allclose(found, values[-3:], rtol=1e-6)
    assert found.index[0] == X.index[-1] + pd.Timedelta(days=1)


# -- several steps at once, or one fed back ----------------------------------------


def jumps():
    return make_pipeline(SlidingWindow(WINDOW), JumpRegressor())


DIRECT = [1, 10, 100, 101, 110, 200, 201]
RECURSIVE = [1, 2, 3, 4, 5, 6, 7]
WRAPPERS = {
    "pipeline": (jumps, DIRECT),
    "search": (lambda: GridSearchCV(jumps(), {}, cv=TimeSeriesSplit(2)), DIRECT),
    "search in search": (
        lambda: GridSearchCV(
            GridSearchCV(jumps(), {}, cv=TimeSeriesSplit(2)), {}, cv=TimeSeriesSplit(2)
        ),
        DIRECT,
    ),
    "target": (lambda: TransformedTargetRegressor(jumps()), RECURSIVE),
    "voting": (lambda: VotingRegressor([("a", jumps()), ("b", jumps())]), RECURSIVE),
    "search of target": (
        lambda: GridSearchCV(
            TransformedTargetRegressor(jumps()), {}, cv=TimeSeriesSplit(2)
        ),
        RECURSIVE,
    ),
    "frozen": (lambda: FrozenEstimator(jumps()), DIRECT),
}


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


def test_direct_pipelines_for_several_targets():
    """One pipeline for each target is recursive, though each predicts steps."""
    X = frame("load").round()
    search = MultiOutputRegressor(jumps()).fit(X, X[["load"]])
    result = forecast(search, X, steps=3)
    np.testing.assert_allclose(
        result.to_numpy()[:, 0] - X["load"].iloc[-1], RECURSIVE[:3]
    )


# -- what is found -----------------------------------------------------------------


def test_how_rows_are_read():
    """Lag and window say how many; behind a step in front all of them are read."""
    X = frame("load")
    scaler = StandardScaler().set_output(transform="pandas")
    for fronts, n_past in (((), 6), ((scaler,), None)):
        pipe = make_pipeline(*fronts, *linear(horizon=3)).fit(X, X["load"])
        fitted = Fitted.of(pipe)
        assert (fitted.lag, fitted.n_past, fitted.n_at_once) == (3, n_past, 3)
    lstm = LSTMRegressor(1, steps=4, epochs=1, quantiles=(0.1, 0.5, 0.9))
    pipe = make_pipeline(SlidingWindow(2, horizon=2), lstm).fit(X, X["load"])
    for estimator in (pipe, FrozenEstimator(pipe)):
        fitted = Fitted.of(estimator)
        assert (fitted.n_direct, fitted.n_at_once) == (4, 5)
        assert fitted.quantiles == (0.1, 0.5, 0.9)


def test_the_regressor_at_the_end_is_found():
    """Through pipelines, searches and transformed targets, with what is in front."""
    X = frame("load")
    wrapped = logarithmic(search()).fit(X, X["load"])
    fronts, regressor = fronts_and_regressor(wrapped)
    best = wrapped.regressor_.best_estimator_
    assert regressor is best[-1]
    assert [step for front in fronts for _, step in front.steps] == [*best[:-1]]
    assert prefix_of(logarithmic(search())) == "linearregression__"
    assert prefix_of(Ridge()) == ""


# -- what is refused ---------------------------------------------------------------


WITHOUT_WINDOWS = {
    "no window": lambda X: LinearRegression().fit(X, X["load"]),
    "no window in a pipeline": lambda X: make_pipeline(
        StandardScaler(), LinearRegression()
    ).fit(X, X["load"]),
}


UNFIT = {
    "unfitted pipeline": lambda X: linear(),
    "frozen": lambda X: FrozenEstimator(linear()),
    "unfitted search": lambda X: search(),
    "unfitted target": lambda X: logarithmic(),
    "search without refit": lambda X: (
        search().set_params(refit=False).fit(X, X["load"])
    ),
}


@pytest.mark.parametrize("name", WITHOUT_WINDOWS)
def test_error_no_window(name):
    """Without a SlidingWindow inside, the error says what is needed."""
    X = frame("load")
    with pytest.raises(ValueError, match="needs a fitted estimator with a Sliding"):
        forecast(WITHOUT_WINDOWS[name](X), X, steps=1)


@pytest.mark.parametrize("name", UNFIT)
def test_error_not_fitted(name):
    """What is not fitted is told from what has no windows."""
    X = frame("load")
    with pytest.raises(NotFittedError, match="SlidingWindow is not fitted; call fit"):
        forecast(UNFIT[name](X), X, steps=1)


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
