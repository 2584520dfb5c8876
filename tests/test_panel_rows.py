"""Forecasts of panels: every group goes on from its own last row.

The reference is a forecast of each group alone with the same fitted regressor.
"""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMRegressor, PanelTimeSeriesSplit, SlidingWindow, forecast

FREQUENCIES = {
    "day": ("2024-01-01", "D", None),
    "hour across the switch": ("2024-03-29", "h", "Europe/Berlin"),
    "month": ("2020-01-01", "MS", None),
    "month end": ("2020-01-31", "ME", None),
    "business day": ("2024-01-01", "B", None),
    "week": ("2024-01-01", "7D", None),
}


def times_of(kind, n_rows):
    if kind == "integer":
        return pd.Index(range(0, 2 * n_rows, 2))
    if kind == "period":
        return pd.period_range("2020-01", periods=n_rows, freq="M")
    start, freq, zone = FREQUENCIES[kind]
    return pd.date_range(start, periods=n_rows, freq=freq, tz=zone)


def shops(kind="day", n_rows=(30, 25, 28), columns=("sales", "price")):
    """Return three series, two of which begin late, in one shuffled frame."""
    rng = np.random.default_rng(0)
    parts = []
    for code, n in enumerate(n_rows):
        times = times_of(kind, 31)[code : code + n]
        values = rng.normal(size=(n, len(columns))).cumsum(axis=0) + 10 * code
        part = pd.DataFrame(values, columns=list(columns))
        parts.append(part.assign(shop=f"shop {code}", time=times))
    frame = pd.concat(parts, ignore_index=True)
    return frame[["shop", "time", *columns]].sample(frac=1, random_state=1)


def ridge_pipe(window=3, regressor=None, **params):
    windows = SlidingWindow(window, groups="shop", time="time", layout="flat", **params)
    return make_pipeline(windows, SimpleImputer(), regressor or Ridge())


def one_scale_lstm(steps):
    """Return a regressor that need not know which shop a window is of."""
    return LSTMRegressor(2, steps=steps, epochs=1, scaling="standard", random_state=0)


def of_one_shop(pipe, rows, columns):
    """Return the pipeline with the windows of a single series, and that series."""
    panel = pipe[0]
    rows = rows.sort_values("time").set_index("time")[columns]
    alone = SlidingWindow(
        panel.window, horizon=panel.horizon, known=panel.known, layout=panel.layout
    )
    alone.fit(rows)
    alone.target_names_ = panel.target_names_
    return Pipeline([("windows", alone), *pipe.steps[1:]]), rows


def check_each_group(pipe, frame, steps, found, X_future=None, columns=("sales",)):
    """Assert that a forecast is, group by group, that of each group alone."""
    values = [c for c in frame.columns if c not in ("shop", "time")]
    assert found["shop"].tolist() == sorted(frame["shop"].unique().tolist() * steps)
    for shop, rows in frame.groupby("shop"):
        alone, series = of_one_shop(pipe, rows, values)
        future = None
        if X_future is not None:
            own = X_future[X_future["shop"] == shop]
            future = own.set_index("time").drop(columns="shop")
        expected = forecast(alone, series, steps, X_future=future)
        own = found[found["shop"] == shop].set_index("time")[list(columns)]
        assert own.index.tolist() == expected.index.tolist()
        expected = np.asarray(expected).reshape(steps, -1)
        np.testing.assert_allclose(own, expected, rtol=1e-6)


def future_rows(frame, steps, columns=("price",), seed=3):
    """Return rows to come of every group, shuffled."""
    rng = np.random.default_rng(seed)
    parts = []
    for shop, rows in frame.groupby("shop"):
        times = pd.date_range(rows["time"].max(), periods=steps + 1)[1:]
        values = rng.normal(size=(steps, len(columns)))
        part = pd.DataFrame(values, columns=list(columns))
        parts.append(part.assign(shop=shop, time=times))
    return pd.concat(parts, ignore_index=True).sample(frac=1, random_state=4)


# -- values and labels --------------------------------------------------------------


@pytest.mark.parametrize("horizon", [1, 3])
@pytest.mark.parametrize("kind", [*FREQUENCIES, "integer", "period"])
def test_recursion_on_every_kind_of_time(kind, horizon):
    """All groups advance together as each would alone, each from its own end."""
    frame = shops(kind, columns=["sales"])
    pipe = ridge_pipe(horizon=horizon).fit(frame, frame["sales"])
    found = forecast(pipe, frame, steps=5)
    assert found.columns.tolist() == ["shop", "time", "sales"]
    assert found["time"].dtype == frame["time"].dtype
    check_each_group(pipe, frame, 5, found)


@pytest.mark.parametrize("horizon", [1, 2])
def test_known_columns(horizon):
    """Known values to come are read at their group and time, in any order of rows."""
    frame = shops()
    pipe = ridge_pipe(horizon=horizon, known="price").fit(frame, frame["sales"])
    future = future_rows(frame, 4)
    found = forecast(pipe, frame, steps=4, X_future=future)
    check_each_group(pipe, frame, 4, found, future)


@pytest.mark.parametrize(("steps", "n_steps"), [(1, 4), (3, 2), (3, 7)])
def test_known_columns_of_an_lstm(steps, n_steps):
    """Of each group, fed back or at once, what a loop over its windows predicts."""
    frame = shops()
    windows = SlidingWindow(3, groups="shop", time="time", known="price")
    lstm = one_scale_lstm(steps)
    pipe = make_pipeline(windows, lstm).fit(frame, frame["sales"])
    future = future_rows(frame, 7)
    found = forecast(pipe, frame, n_steps, X_future=future)
    for shop, rows in frame.groupby("shop"):
        sales = rows.sort_values("time")["sales"].tolist()
        price = pd.concat([rows, future[future["shop"] == shop]]).sort_values("time")
        price, n_rows = price["price"].tolist(), len(sales)
        while len(sales) < n_rows + n_steps:
            at = len(sales)
            window = np.array([sales[at - 3 :], price[at - 2 : at + 1]]).T[None]
            sales += lstm.predict_steps(window.astype(np.float32))[0].tolist()
        own = found[found["shop"] == shop]["sales"]
        np.testing.assert_allclose(own, sales[n_rows : n_rows + n_steps], rtol=1e-6)
    missing = future.drop(future.index[future["time"] == future["time"].min()])
    with pytest.raises(ValueError, match=r"Got none for 1 of .* of group 'shop 1'"):
        forecast(pipe, frame, n_steps, X_future=missing)


def irregular_shops():
    """Return three series at irregular hours, shuffled, and rows to come of each."""
    rng = np.random.default_rng(5)
    parts = []
    for code, n_rows in enumerate((26, 31, 22)):
        gaps = rng.choice([5, 7, 11], size=n_rows + 5)
        times = pd.Timestamp("2024-01-01") + pd.to_timedelta(gaps.cumsum(), "h")
        values = rng.normal(size=(n_rows + 5, 2)).cumsum(axis=0) + 10 * code
        part = pd.DataFrame(values, columns=["sales", "price"])
        is_past = np.arange(n_rows + 5) < n_rows
        parts.append(part.assign(shop=f"s{code}", time=times, is_past=is_past))
    every = pd.concat(parts, ignore_index=True).sample(frac=1, random_state=2)
    is_past = every.pop("is_past")
    return every[is_past], every[~is_past]


@pytest.mark.parametrize("time", ["time", None])
@pytest.mark.parametrize("steps", [1, 2])
def test_given_irregular_times(steps, time):
    """Each group goes on at its own times, with the time since the row before."""
    frame, to_come = irregular_shops()
    windows = SlidingWindow(3, groups="shop", time=time, known="price", elapsed=True)
    lstm = one_scale_lstm(steps)
    pipe = make_pipeline(windows, lstm)
    future = to_come.drop(columns="sales")
    if time is None:
        X, given = frame.set_index("time"), future.set_index("time")
        pipe.fit(X, X["sales"])
        found = forecast(pipe, X, 4, X_future=given).reset_index()
    else:
        pipe.fit(frame, frame["sales"])
        # Rows of the past and of other groups do not matter.
        more = pd.concat([frame.drop(columns="sales"), future])
        more = pd.concat([more, future[future["shop"] == "s0"].assign(shop="s9")])
        found = forecast(pipe, frame, 4, X_future=more)
    for shop, rows in frame.groupby("shop"):
        sales = rows.sort_values("time")["sales"].tolist()
        every = pd.concat([rows, to_come[to_come["shop"] == shop]]).sort_values("time")
        gaps = every["time"].diff().dt.total_seconds().tolist()
        price, n_rows = every["price"].tolist(), len(sales)
        while len(sales) < n_rows + 4:
            now = slice(len(sales) - 2, len(sales) + 1)
            window = np.array([sales[-3:], price[now], gaps[now]]).T[None]
            sales += lstm.predict_steps(window.astype(np.float32))[0].tolist()
        own = found[found["shop"] == shop]
        np.testing.assert_allclose(own["sales"], sales[n_rows : n_rows + 4], rtol=1e-6)
        assert own["time"].tolist() == every["time"].tolist()[n_rows : n_rows + 4]


@pytest.mark.parametrize("kind", ["times", "seconds", "periods", "integers"])
def test_irregular_rows_after_those_to_come_are_read(kind):
    """Each group reads its own, whose number differs; as a single series does."""
    first, hour = pd.Timestamp("2024-01-01"), pd.Timedelta("1h")
    as_kind = {
        "times": lambda times: times,
        "seconds": lambda times: times.dt.as_unit("s"),
        "periods": lambda times: times.dt.to_period("h"),
        "integers": lambda times: (times - first) // hour,
    }[kind]
    frame, to_come = (
        each.assign(time=as_kind(each["time"])) for each in irregular_shops()
    )
    more = {"s0": 0, "s1": 1, "s2": 2}
    given = pd.concat(
        [
            to_come[to_come["shop"] == shop].sort_values("time")[: 2 + n_more]
            for shop, n_more in more.items()
        ]
    ).drop(columns="sales")
    params = {"known": "price", "known_ahead": 2, "elapsed": True, "layout": "flat"}
    ridge = make_pipeline(SimpleImputer(), StandardScaler(), Ridge())
    pipe = make_pipeline(SlidingWindow(3, groups="shop", time="time", **params), ridge)
    pipe.fit(frame, frame["sales"])
    found = forecast(pipe, frame, 2, X_future=given)
    for shop in more:
        own, future = (
            each[each["shop"] == shop].set_index("time").sort_index()
            for each in (frame, given)
        )
        own, future = own[["sales", "price"]], future[["price"]]
        alone = make_pipeline(SlidingWindow(3, **params).fit(own), pipe[-1])
        expected = forecast(alone, own, 2, X_future=future, target="sales")
        of_shop = found[found["shop"] == shop].set_index("time")["sales"]
        pd.testing.assert_series_equal(of_shop, expected, check_freq=False)
        if more[shop]:
            less = forecast(alone, own, 2, X_future=future[:2], target="sales")
            assert (less != expected).any()


def test_irregular_times_that_are_not_given_are_named():
    """A group with too few times to come is named, and times of another kind."""
    frame, to_come = irregular_shops()
    scaled = make_pipeline(StandardScaler(), Ridge())
    pipe = ridge_pipe(known="price", elapsed=True, regressor=scaled)
    pipe.fit(frame, frame["sales"])
    few = to_come.drop(to_come.index[to_come["shop"] == "s1"][:3])
    match = (
        r"the 4 row\(s\) to come of each group. Got 2 after .* of group 's1'.*ended out"
    )
    with pytest.raises(ValueError, match=match):
        forecast(pipe, frame, 4, X_future=few)
    with pytest.raises(ValueError, match=r"of the kind that X has.*Got int64"):
        forecast(pipe, frame, 4, X_future=to_come.assign(time=range(len(to_come))))
    with pytest.raises(ValueError, match="Got no column 'time'"):
        forecast(pipe, frame, 4, X_future=to_come.drop(columns="time"))
    with pytest.raises(ValueError, match="more than once"):
        forecast(pipe, frame, 4, X_future=pd.concat([to_come, to_come]))
    alone = frame[["shop", "time", "sales"]]
    pipe = ridge_pipe(elapsed=True, regressor=scaled).fit(alone, alone["sales"])
    with pytest.raises(ValueError, match="at their times as X_future"):
        forecast(pipe, alone, 2)


def test_several_outputs():
    """All lagged columns are predicted and fed back."""
    frame = shops()
    targets = ["sales", "price"]
    pipe = ridge_pipe(regressor=LinearRegression()).fit(frame, frame[targets])
    found = forecast(pipe, frame, steps=4)
    assert found.columns.tolist() == ["shop", "time", *targets]
    check_each_group(pipe, frame, 4, found, columns=targets)


@pytest.mark.parametrize(("steps", "horizon"), [(2, 1), (3, 1), (7, 1), (5, 2)])
def test_direct_steps_of_an_lstm(steps, horizon):
    """An LSTM with several steps predicts them at once, for all groups."""
    frame = shops(columns=["sales"])
    pipe = make_pipeline(
        SlidingWindow(3, groups="shop", time="time", horizon=horizon),
        one_scale_lstm(steps=3),
    ).fit(frame, frame["sales"])
    found = forecast(pipe, frame, steps)
    check_each_group(pipe, frame, steps, found)


@pytest.mark.parametrize("wrap", ["search", "frozen", "target"])
def test_what_wraps_a_pipeline(wrap):
    """Searches, frozen estimators and transformed targets forecast as pipelines do."""
    frame = shops(columns=["sales"])
    pipe = ridge_pipe().fit(frame, frame["sales"])
    if wrap == "search":
        cv = PanelTimeSeriesSplit(2, time="time")
        wrapped = GridSearchCV(ridge_pipe(), {"ridge__alpha": [1.0]}, cv=cv)
        wrapped.fit(frame, frame["sales"])
    elif wrap == "frozen":
        wrapped = FrozenEstimator(pipe)
    else:
        wrapped = TransformedTargetRegressor(ridge_pipe()).fit(frame, frame["sales"])
    found = forecast(wrapped, frame, steps=4, target="sales")
    expected = forecast(pipe, frame, steps=4)
    pd.testing.assert_frame_equal(found, expected, rtol=1e-6)


def test_time_in_the_index():
    """Without a column of time the forecast has times as its index, too."""
    frame = shops(columns=["sales"])
    pipe = ridge_pipe().fit(frame, frame["sales"])
    expected = forecast(pipe, frame, steps=3)
    by_index = frame.set_index("time")
    other = pipe.set_params(slidingwindow__time=None).fit(by_index, by_index["sales"])
    found = forecast(other, by_index, steps=3)
    assert found.columns.tolist() == ["shop", "sales"]
    pd.testing.assert_frame_equal(found.reset_index()[expected.columns], expected)


def test_several_columns_of_groups():
    """Each pair of keys goes on by itself; categories stay categories."""
    frame = shops(columns=["sales"])
    pipe = ridge_pipe().fit(frame, frame["sales"])
    expected = forecast(pipe, frame, steps=2)
    town = frame["shop"].map({"shop 0": "x", "shop 1": "x", "shop 2": "y"})
    pairs = frame.assign(town=town.astype("category"))
    pipe.set_params(slidingwindow__groups=["town", "shop"])
    found = forecast(pipe.fit(pairs, pairs["sales"]), pairs, steps=2)
    assert found.columns.tolist() == ["town", "shop", "time", "sales"]
    assert found["town"].dtype == "category"
    assert found["town"].tolist() == list("xxxxyy")
    pd.testing.assert_frame_equal(found.drop(columns="town"), expected)


def test_one_series_in_a_long_frame():
    """Without groups a column of time alone is enough."""
    frame = shops(columns=["sales"])
    rows = frame[frame["shop"] == "shop 1"].drop(columns="shop")
    pipe = ridge_pipe().set_params(slidingwindow__groups=None)
    pipe.fit(rows, rows["sales"])
    found = forecast(pipe, rows, steps=3)
    alone, series = of_one_shop(pipe, rows, ["sales"])
    expected = forecast(alone, series, steps=3)
    np.testing.assert_allclose(found["sales"], expected, rtol=1e-6)
    assert found["time"].tolist() == expected.index.tolist()


def test_new_and_absent_groups():
    """Groups of X are forecast, fitted or not, and no others; order does not matter."""
    frame = shops(columns=["sales"])
    pipe = ridge_pipe().fit(frame, frame["sales"])
    some = frame[frame["shop"] != "shop 0"]
    new = some[some["shop"] == "shop 1"].assign(shop="a new one")
    found = forecast(pipe, pd.concat([new, some]), steps=3)
    assert found["shop"].unique().tolist() == ["a new one", "shop 1", "shop 2"]
    expected = forecast(pipe, frame, steps=3)
    own = found[found["shop"] != "a new one"].reset_index(drop=True)
    rest = expected[expected["shop"] != "shop 0"].reset_index(drop=True)
    pd.testing.assert_frame_equal(own, rest)
    same = found["sales"][found["shop"] == "shop 1"].to_numpy()
    np.testing.assert_array_equal(found["sales"][:3], same)


def test_a_group_with_one_row_has_incomplete_windows():
    """A group of one row is forecast from what it has, with a warning."""
    frame = shops(columns=["sales"])
    pipe = ridge_pipe().fit(frame, frame["sales"])
    newest = frame.sort_values("time").groupby("shop").tail(1)
    new = newest.assign(shop=newest["shop"] + " new")
    with pytest.warns(UserWarning, match=r"first of 3 such among 3, has 1 row\(s\)"):
        found = forecast(pipe, new, steps=2)
    assert np.isfinite(found["sales"]).all()
    # A row of a fitted group brings its past along.
    found = forecast(pipe, newest, steps=2)
    pd.testing.assert_frame_equal(found, forecast(pipe, frame, steps=2))


def test_only_the_newest_rows_are_predicted():
    """Each step predicts one row per group, not the past that windows read.

    Before the first is fed back, known rows of one group show their unit.
    """
    frame = shops(columns=["sales"])
    asked = []

    class Counting(Ridge):
        def predict(self, X):
            asked.append(len(X))
            return super().predict(X)

    pipe = ridge_pipe(regressor=Counting()).fit(frame, frame["sales"])
    forecast(pipe, frame, steps=4)
    window = pipe[0].window
    assert asked == [3, 30 - window, 3, 3, 3]


def test_arguments_are_not_changed():
    """Frames come out as they went in."""
    frame = shops()
    pipe = ridge_pipe(known="price").fit(frame, frame["sales"])
    future = future_rows(frame, 2)
    before = frame.copy(), future.copy()
    forecast(pipe, frame, 2, X_future=future)
    pd.testing.assert_frame_equal(frame, before[0])
    pd.testing.assert_frame_equal(future, before[1])


# -- errors -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def known_pipe():
    """Return a pipeline that needs prices to come, and its rows."""
    frame = shops()
    return ridge_pipe(known="price").fit(frame, frame["sales"]), frame


def test_missing_rows_to_come_are_named(known_pipe):
    """A row that is not there, or holds NaN, is named by group and time."""
    pipe, frame = known_pipe
    future = future_rows(frame, 3).sort_values(["shop", "time"], ignore_index=True)
    match = "Got none for 2 of 9: time 2024-01-31 00:00:00 of group 'shop 0'; time 2024"
    with pytest.raises(ValueError, match=match):
        forecast(pipe, frame, 3, X_future=future.drop(index=[0, 4]))
    holed = future.assign(price=future["price"].where(future.index != 8))
    with pytest.raises(ValueError, match=r"none for 1 of 9: time .* of group 'shop 2'"):
        forecast(pipe, frame, 3, X_future=holed)
    late = future.assign(time=future["time"] + pd.Timedelta("1h"))
    with pytest.raises(ValueError, match="none for 9 of 9"):
        forecast(pipe, frame, 3, X_future=late)


def test_rows_to_come_have_their_columns(known_pipe):
    """Rows to come need groups, time and known columns, once each."""
    pipe, frame = known_pipe
    future = future_rows(frame, 3)
    for column in ("shop", "time"):
        match = rf"columns \['shop', 'time'\] in X_future.*Got no column '{column}'"
        with pytest.raises(ValueError, match=match):
            forecast(pipe, frame, 3, X_future=future.drop(columns=column))
    with pytest.raises(ValueError, match=r"the known columns .*Got no column 'price'"):
        forecast(pipe, frame, 3, X_future=future.rename(columns={"price": "cost"}))
    with pytest.raises(ValueError, match=r"needs X_future as a DataFrame.*Got ndarray"):
        forecast(pipe, frame, 3, X_future=future.to_numpy())
    with pytest.raises(ValueError, match=r"needs X_future, .*'price'.*Got None"):
        forecast(pipe, frame, 3)
    with pytest.raises(ValueError, match=r"of group 'shop .' more than once"):
        forecast(pipe, frame, 3, X_future=pd.concat([future, future[:1]]))


def test_other_errors(known_pipe):
    """Duplicated rows, unknown targets and columns without values to come."""
    frame = shops()
    pipe = ridge_pipe().fit(frame, frame["sales"])
    with pytest.raises(ValueError, match=r"values to come of \['price'\]"):
        forecast(pipe, frame, 2)
    with pytest.raises(ValueError, match="forecast needs one row per group and time"):
        forecast(pipe, pd.concat([frame, frame[:1]]), 2)
    with pytest.raises(ValueError, match="must name 1 column"):
        forecast(pipe, frame, 2, target="shops")
    with pytest.raises(ValueError, match="Got no column 'shop'"):
        forecast(pipe, frame.drop(columns="shop"), 2)
    given = forecast(pipe, frame, 2, X_future=future_rows(frame, 2))
    assert given.columns.tolist() == ["shop", "time", "sales"]
