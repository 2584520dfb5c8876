"""Rows to come: labels, known columns and groups, of one series and of many."""

import re

import numpy as np
import pandas as pd
import pytest
from by_hand import (
    N_ROWS,
    OF_SHOPS,
    WINDOW,
    behind,
    check_labels,
    days,
    fit_by_hand,
    forecast_by_hand,
    frame,
    in_shops,
    linear,
    tiny_lstm,
    tree,
    without,
)
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklstm import LSTMRegressor, SlidingWindow, forecast

# -- every kind of index -----------------------------------------------------------


LONGER = N_ROWS + 8
INDEXES = {
    "days": days(LONGER),
    "days without freq": pd.DatetimeIndex(days(LONGER).to_numpy(), name="day"),
    "weeks": pd.date_range("2024-01-07", periods=LONGER, freq="W-SUN"),
    "hours": pd.date_range("2024-01-01", periods=LONGER, freq="h", unit="ns"),
    "summer time begins": pd.date_range(
        end="2024-03-31 05:00", periods=LONGER, freq="h", tz="Europe/Berlin"
    ),
    "noon in a zone": pd.date_range(
        "2024-02-20 12:00", periods=LONGER, freq="D", tz="Europe/Berlin"
    ),
    "months": pd.date_range("2020-01-01", periods=LONGER, freq="MS", name="month"),
    "month ends without freq": pd.DatetimeIndex(
        pd.date_range("2020-01-31", periods=LONGER, freq="ME").to_numpy()
    ),
    "business days without freq": pd.DatetimeIndex(
        pd.date_range("2024-01-01", periods=LONGER, freq="B").to_numpy()
    ),
    "month periods": pd.period_range("2020-01", periods=LONGER, freq="M", name="m"),
    "quarter periods": pd.period_range("2000Q3", periods=LONGER, freq="Q"),
    "range": pd.RangeIndex(7, 7 + LONGER, name="row"),
    "range of step 5": pd.RangeIndex(0, 5 * LONGER, 5),
    "integers": pd.Index(range(3, 3 + LONGER), dtype=np.int64),
}


@pytest.mark.parametrize("horizon", [1, 3])
@pytest.mark.parametrize("kind", INDEXES)
def test_recursion_on_every_index(kind, horizon):
    """Forecasts are those of a naive loop, at the labels that continue the index."""
    index = INDEXES[kind]
    X = frame("load", index=index[:N_ROWS])
    pipe = linear(horizon=horizon).fit(X, X["load"])
    result = forecast(pipe, X, steps=8)
    table = X.to_numpy()
    regressor = fit_by_hand(pipe[1:], table, table[:, 0], WINDOW, horizon)
    expected = forecast_by_hand(regressor, table, 8, WINDOW, horizon)
    np.testing.assert_allclose(result, expected, rtol=1e-5)
    check_labels(result, index[N_ROWS:])
    assert isinstance(result, pd.Series)
    assert (result.name, result.dtype) == ("load", np.float64)
    if "without" not in kind:
        assert getattr(result.index, "freq", None) == getattr(index, "freq", None)


def test_rows_in_another_zone_than_those_of_fit():
    """Days of Berlin given in UTC are continued as days of Berlin, across a switch."""
    index = pd.date_range("2024-02-25", periods=LONGER, freq="D", tz="Europe/Berlin")
    X = frame("load", index=index[:N_ROWS])
    pipe = linear().fit(X, X["load"])
    expected = forecast(pipe, X, steps=8)
    for rows in (X[:-10], X[:-3], X):
        result = forecast(pipe, rows.tz_convert("UTC"), steps=8)
        n_rows = len(rows)
        check_labels(result, index[n_rows : n_rows + 8].tz_convert("UTC"))
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("horizon", [1, 3])
@pytest.mark.parametrize("n_columns", [1, 2])
def test_arrays_give_arrays(n_columns, horizon):
    """Forecasts are those of a naive loop: an array of an array, a frame of a frame."""
    X = frame(*["load", "wind"][:n_columns])
    table = X.to_numpy()
    y = table[:, 0] if n_columns == 1 else table
    pipe = linear(horizon=horizon).fit(table, y)
    result = forecast(pipe, table, steps=5)
    regressor = fit_by_hand(pipe[1:], table, y, WINDOW, horizon)
    expected = forecast_by_hand(
        regressor, table, 5, WINDOW, horizon, targets=range(n_columns)
    )
    assert type(result) is np.ndarray
    assert result.shape == (5,) + (n_columns,) * (n_columns > 1)
    np.testing.assert_allclose(result, expected, rtol=1e-5)
    named = forecast(linear(horizon=horizon).fit(X, X), X, steps=5)
    np.testing.assert_allclose(named, expected.reshape(5, -1), rtol=1e-5)
    assert list(named.columns) == list(X.columns)
    check_labels(named, days(N_ROWS + 5)[N_ROWS:])


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_lists_and_series_are_taken():
    """A list of rows and a named Series forecast what array and frame do."""
    X = frame("load")
    pipe = linear().fit(X["load"], X["load"])
    result = forecast(pipe, X["load"], steps=3)
    pd.testing.assert_series_equal(result, forecast(pipe, X, steps=3))
    pipe = linear().fit(X.to_numpy(), X["load"])
    for fitted in (pipe, linear().fit(X, X["load"])):
        values = forecast(fitted, X.to_numpy().tolist(), 3)
        np.testing.assert_allclose(values, result)


@pytest.mark.parametrize("dtype", [int, bool])
def test_predictions_are_not_rounded(dtype):
    """Columns of integers and flags take the predictions that are fed back."""
    X = (frame("load") > 50 if dtype is bool else frame("load").round()).astype(dtype)
    result = forecast(linear().fit(X, X["load"] * 1.0), X, steps=4)
    same = X.astype(float)
    expected = forecast(linear().fit(same, same["load"]), same, steps=4)
    np.testing.assert_array_equal(result, expected)
    assert (result != result.round()).any()


def test_columns_that_are_called_by_numbers():
    """A Series named 0, and columns 0 and 1, keep their names and forecast alike."""
    table = frame("load", "tide")
    expected = forecast(linear().fit(table[["load"]], table["load"]), table["load"], 3)
    series = table["load"].rename(0)
    ours = forecast(linear().fit(series, series), series, 3)
    pd.testing.assert_series_equal(ours, expected.rename(0))
    table.columns = [0, 1]
    pipe = linear(known=[1]).fit(table, table[0])
    future = pd.DataFrame({1: [1.0, 2.0, 3.0]}, index=days(N_ROWS + 3)[-3:])
    plain = forecast(pipe, table, 3, X_future=future)
    ends = forecast(
        pipe, table, 3, X_future=future, coverage=0.5, residuals=np.ones((9, 3))
    )
    assert plain.name == 0
    assert list(ends.columns) == ["0", "0_lower", "0_upper"]
    np.testing.assert_array_equal(ends["0"], plain)


# -- what is known of them ---------------------------------------------------------


def known_case(horizon=1):
    """Return a pipeline with two known columns, its rows, and those to come."""
    every = frame("price", "load", "temp", n_rows=N_ROWS + 6)
    X, to_come = every[:N_ROWS], every[N_ROWS:]
    pipe = linear(horizon=horizon, known=["price", "temp"]).fit(X, X["load"])
    return pipe, X, to_come[["price", "temp"]]


@pytest.mark.parametrize("horizon", [1, 3])
def test_known_columns_by_name(horizon):
    """Known values are read at the predicted rows, by name, whatever their order."""
    pipe, X, to_come = known_case(horizon)
    table = X.to_numpy()
    regressor = fit_by_hand(pipe[1:], table, X["load"], WINDOW, horizon, known=(0, 2))
    future = {0: to_come["price"], 2: to_come["temp"]}
    expected = forecast_by_hand(
        regressor, table, 6, WINDOW, horizon, (0, 2), targets=(1,), future=future
    )
    result = forecast(pipe, X, steps=6, X_future=to_come)
    np.testing.assert_allclose(result, expected, rtol=1e-5)
    assert result.name == "load"
    shuffled = to_come[["temp", "price"]].sample(frac=1, random_state=0)
    more = pd.concat([X[["price", "temp"]], shuffled.assign(unrelated="text")])
    others = to_come.assign(load=1e6), to_come.to_numpy(), to_come.to_numpy().tolist()
    for given in (shuffled, more, *others):
        same = forecast(pipe, X, steps=6, X_future=given)
        pd.testing.assert_series_equal(same, result)
    short = forecast(pipe, X, 3, X_future=without(to_come, -1))
    pd.testing.assert_series_equal(short, result[:3])


def test_known_bool_and_integer_columns():
    """Known flags and counts forecast what the same numbers as floats do."""
    every = frame("load", "price", "temp", n_rows=N_ROWS + 4)
    every = every.assign(price=every["price"] > 50, temp=every["temp"].round())
    results = []
    for typed in (every.astype({"temp": int}), every.astype(float)):
        X, to_come = typed[:N_ROWS], typed[["price", "temp"]][N_ROWS:]
        pipe = linear(known=["price", "temp"]).fit(X, X["load"])
        floats = to_come.astype(float)
        for given in (to_come, floats, floats.to_numpy()):
            results.append(forecast(pipe, X, 4, X_future=given))
    for result in results[1:]:
        pd.testing.assert_series_equal(result, results[0])


@pytest.mark.parametrize("window", [1, 3])
@pytest.mark.parametrize("horizon", [0, 1])
def test_only_known_columns(window, horizon):
    """A regression on known columns alone needs no recursion, whatever the horizon."""
    X = frame("price", "temp")
    to_come = frame("price", "temp", n_rows=N_ROWS + 5)[N_ROWS:]
    y = X["price"].shift(fill_value=0) - X["temp"]
    pipe = linear(window, horizon=horizon, known=["price", "temp"]).fit(X, y)
    result = forecast(pipe, X, steps=5, X_future=to_come)
    np.testing.assert_allclose(result, pipe.predict(to_come), rtol=1e-6)
    check_labels(result, to_come.index)


NO_ROW = "needs a row of X_future.*2024-02-11"
REFUSED = {
    "misaligned": (lambda f: f.set_axis(f.index + pd.Timedelta(days=2)), NO_ROW),
    "row missing": (lambda f: f.drop(f.index[[1]]), NO_ROW),
    "NaN": (lambda f: without(f, 1), NO_ROW),
    "NaN in one column": (lambda f: without(f, 1, "price"), NO_ROW),
    "rows without labels": (lambda f: f.reset_index(drop=True), NO_ROW),
    "nothing": (lambda f: None, r"needs X_future.*\['price', 'temp'\]"),
    "a column": (lambda f: f[["price"]], r"no column 'temp' in \['price'\]"),
    "twice": (lambda f: pd.concat([f, f[2:3]]), r"2024-02-12.*more than once"),
    "text": (lambda f: f.assign(price="1"), r"numbers in column 'price'.*'1', a"),
    "a dict": (lambda f: f.to_dict("list"), r"Got a dict; pass pd\.DataFrame\(X_fut"),
    "a list": (lambda f: [1.0] * 6, r"\(6, 2\)\. Got \(6,\); pass a row for each"),
    "NaN in an array": (lambda f: without(f, 2).to_numpy(), "X_future contains NaN"),
    **{
        f"shape {shape}": (
            lambda f, shape=shape: np.ones(shape),
            rf"\(6, 2\)\. Got {re.escape(str(shape))}",
        )
        for shape in [(5, 2), (6, 1), (6, 3), (7, 2)]
    },
}


@pytest.mark.parametrize(("spoil", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_missing_in_X_future_is_named(spoil, message):
    """Columns, rows, values and shapes that are not there stand in the error."""
    pipe, X, to_come = known_case()
    with pytest.raises(ValueError, match=message):
        forecast(pipe, X, steps=6, X_future=spoil(to_come))


@pytest.mark.parametrize("kind", ["frame", "array", "panel", "made in front"])
def test_known_rows_after_those_to_come_are_read(kind):
    """The first steps do not depend on how many follow, once known rows are given."""
    X = frame("load").assign(open=np.arange(N_ROWS) % 3 == 0).astype(float)
    future = pd.DataFrame({"open": np.arange(9) % 2.0}, index=days(N_ROWS + 9)[-9:])
    known = {"known": "open", "known_ahead": 2}
    pipe, y = linear(**known), X["load"]
    if kind == "array":
        X, future = X.to_numpy(), future.to_numpy()
        pipe.set_params(slidingwindow__known=[1])
    elif kind == "panel":
        X, future = in_shops(X), in_shops(future)
        pipe, y = linear(**OF_SHOPS, **known), X["load"]
    elif kind == "made in front":
        weekday = FunctionTransformer(lambda t: t.assign(open=t.index.day_of_week))
        X, future, pipe = X[["load"]], None, behind(weekday, **known)
    pipe.fit(X, y.to_numpy())

    def ahead(steps, n_rows):
        """Return forecasts from the first known rows, of each shop."""
        given = future
        if future is not None:
            is_panel = kind == "panel"
            given = future.groupby("shop").head(n_rows) if is_panel else future[:n_rows]
        return np.asarray(forecast(pipe, X, steps, X_future=given, target=0))

    long = ahead(6, 8)
    for steps in (1, 3):
        short = ahead(steps, steps + 2)
        by_group = [long[:steps], long[6 : 6 + steps]]
        expected = np.concatenate(by_group if kind == "panel" else by_group[:1])
        assert (short == expected).all()
        if kind in ("frame", "array"):
            assert ahead(steps, steps)[-1] != short[-1]


@pytest.mark.parametrize("kind", ["one series", "panel", "at once"])
@pytest.mark.parametrize("steps", [1, 3, 8])
def test_calendar_channels_need_no_X_future(kind, steps):
    """They are, also after the last step, what the same known columns are."""
    X = frame("load")
    angles = 2 * np.pi * days(N_ROWS + 10).day_of_week.to_numpy() / 7
    waves = pd.DataFrame({"sin": np.sin(angles), "cos": np.cos(angles)})
    waves = waves.set_axis(days(N_ROWS + 10))
    keys = {"known_ahead": 2}
    if kind == "panel":
        keys |= OF_SHOPS
        X, waves = in_shops(X), in_shops(waves)
    calendar = linear(calendar="weekday", **keys)
    known = linear(known=["sin", "cos"], **keys)
    if kind == "at once":
        lstm = LSTMRegressor(2, steps=3, epochs=1, random_state=0)
        windows = (pipe[0].set_params(layout="sequence") for pipe in (calendar, known))
        calendar, known = (make_pipeline(each, clone(lstm)) for each in windows)
    both = X.merge(waves) if kind == "panel" else X.join(waves)
    found = forecast(calendar.fit(X, X["load"]), X, steps)
    # The end of X knows the calendar to come, but no value of a known column.
    known.fit(both, both["load"]).steps[-1] = calendar.steps[-1]
    expected = forecast(known, both, steps, X_future=waves)
    if kind == "panel":
        found, expected = found["load"], expected["load"]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


# -- columns that known ones are made from -----------------------------------------


def shop_days(n_rows=60):
    """Return sales that a promotion doubles, its name, and a column of no use."""
    rng = np.random.default_rng(0)
    is_promo = rng.random(n_rows) < 0.4
    sales = 10 * (1 + is_promo) + 0.1 * rng.normal(size=n_rows)
    names = np.where(is_promo, "promo", "none")
    return pd.DataFrame(
        {"sales": sales, "name": names, "stock": rng.normal(size=n_rows)},
        index=days(n_rows),
    )


def encoded(*others, **known):
    """Return a pipeline that makes the known column of the name of the day."""
    front = FunctionTransformer(
        lambda X: X[["sales", *others]].assign(promo=1.0 * (X["name"] == "promo"))
    )
    return make_pipeline(front, *linear(known="promo", **known))


@pytest.mark.parametrize("is_wrapped", [False, True])
@pytest.mark.parametrize("is_panel", [False, True])
def test_columns_that_known_ones_are_made_from_are_asked_for(is_panel, is_wrapped):
    """All raw columns are, by their names; also where the newest rows hold no promo."""
    X, steps = shop_days().drop(columns="stock"), 5
    X.iloc[-steps - 9 : -steps, 1] = "none"
    X.iloc[-steps - 9 : -steps, 0] = 10.0
    pipe, plain = encoded(), linear(known="promo")
    past, later = X[:-steps], X[["name"]][-steps:]
    ready = X[["sales"]].assign(promo=1.0 * (X["name"] == "promo"))
    plain.fit(ready[:-steps], ready["sales"][:-steps])
    expected = forecast(plain, ready[:-steps], steps, X_future=ready[["promo"]])
    assert np.abs(expected - X["sales"][-steps:]).max() < 1
    if is_panel:
        past, later = in_shops(past).sample(frac=1, random_state=0), in_shops(later)
        pipe = encoded("shop", "day", **OF_SHOPS)
        expected = np.tile(expected, 2)
    if is_wrapped:
        pipe = TransformedTargetRegressor(pipe)
    pipe.fit(past, past["sales"])
    found = forecast(pipe, past, steps, X_future=later)
    found = found["sales"] if is_panel else found
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    with pytest.raises(ValueError, match=r"values to come of .* \['name'\].* Got None"):
        forecast(pipe, past, steps)
    with pytest.raises(ValueError, match=r"known columns \['name'\] in X_future"):
        forecast(pipe, past, steps, X_future=later.rename(columns={"name": "nmae"}))
    more = past.assign(stock=1.0)
    with pytest.raises(ValueError, match=r"\['name', 'stock'\].*drop from X what it"):
        forecast(pipe, more, steps, X_future=later)


def test_columns_beside_the_windows_are_asked_for():
    """A column transformer may hand a column of the row itself to the regressor."""
    every = frame("price", "load", n_rows=N_ROWS + 3)
    X, to_come = every[:N_ROWS], every[["price"]][N_ROWS:]
    beside = make_column_transformer(
        (SlidingWindow(WINDOW, layout="flat"), ["load"]), ("passthrough", ["price"])
    )
    pipe = make_pipeline(beside, SimpleImputer(), LinearRegression())
    pipe.fit(X, X["load"])
    load = X["load"].tolist()
    for price in to_come["price"]:
        row = [[*load[-WINDOW:], price]]
        load.append(float(pipe[1:].predict(row)[0]))
    found = forecast(pipe, X, 3, X_future=to_come)
    np.testing.assert_allclose(found, load[N_ROWS:], rtol=1e-6)
    with pytest.raises(ValueError, match=r"values to come of .* \['price'\]"):
        forecast(pipe, X, 3)


def test_names_that_a_column_transformer_makes_are_told():
    """The sentence names the parameter that keeps names as they are."""
    X = frame("load", "price")
    named = make_column_transformer((FunctionTransformer(), ["load", "price"]))
    pipe = behind(named.set_output(transform="pandas")).fit(X, X["load"])
    calls = [lambda: forecast(pipe, X, 1)]
    for own in ({"known": "price"}, {"groups": "price"}, {"time": "price"}):
        calls.append(lambda own=own: behind(named, **own).fit(X, X["load"]))
    for call in calls:
        with pytest.raises(ValueError, match="verbose_feature_names_out=False"):
            call()


# -- the past ----------------------------------------------------------------------


@pytest.mark.parametrize("horizon", [1, 3])
def test_only_the_last_rows_are_needed(horizon):
    """As many last rows as the windows reach forecast what all rows do."""
    X = frame("load")
    pipe = tree(horizon=horizon).fit(X[:30], X["load"][:30])
    expected = forecast(pipe, X, steps=6)
    result = forecast(pipe, X[-(WINDOW + horizon - 1) :], steps=6)
    pd.testing.assert_series_equal(result, expected)
    pipe = tree(horizon=horizon).fit(X.to_numpy()[:30], X["load"][:30])
    table = X.to_numpy()
    np.testing.assert_array_equal(
        forecast(pipe, table[-(WINDOW + horizon - 1) :], 6), forecast(pipe, table, 6)
    )


@pytest.mark.parametrize("kind", ["days", "months", "month periods", "range"])
def test_one_row_that_follows_those_of_fit(kind):
    """The rows of fit stand in for the past of rows that directly follow them."""
    X = frame("load", index=INDEXES[kind][:N_ROWS])
    pipe = tree().fit(X[:-1], X["load"][:-1])
    pd.testing.assert_series_equal(forecast(pipe, X[-1:], 6), forecast(pipe, X, 6))


def test_rows_before_the_end_of_fit():
    """A forecast from an earlier row reads none of the later rows of fit."""
    X = frame("load")
    pipe = tree().fit(X, X["load"])
    table = X.to_numpy()
    expected = forecast_by_hand(pipe[1:], table[:-2], 5, WINDOW)
    for rows in (X[:-2], X[-6:-2]):
        result = forecast(pipe, rows, steps=5)
        np.testing.assert_array_equal(result, expected)
        assert result.index[0] == X.index[-2]


@pytest.mark.parametrize("kind", ["frame", "array", "panel"])
def test_missing_values_in_the_past_are_filled(kind):
    """They take the value before, however far back, also of rows not read else."""
    X = frame("load", "wind")
    X.iloc[-7:, 1] = np.nan
    X.iloc[-3, 0] = np.nan
    filled, y = X.ffill(), frame("load")["load"]
    pipe, target = linear(), "load"
    if kind == "array":
        X, filled, y = X.to_numpy(), filled.to_numpy(), y.to_numpy()
        target = 0
    elif kind == "panel":
        X, filled, y = in_shops(X, "a"), in_shops(filled, "a"), y.reset_index(drop=True)
        pipe = linear(**OF_SHOPS)
    pipe.fit(filled, y)
    found, expected = (forecast(pipe, rows, 1, target=target) for rows in (X, filled))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("is_panel", [False, True])
def test_newest_rows_without_values_are_refused(is_panel):
    """A frame that already holds the rows to come would be forecast too late."""
    X = frame("load").assign(open=1.0)
    X.iloc[-7:, 0] = np.nan
    pipe, of = linear(known="open"), ""
    past = X[:-7]
    if is_panel:
        full = in_shops(frame("load").assign(open=1.0), "a")
        X = pd.concat([full, in_shops(X, "b")], ignore_index=True)
        pipe, of = linear(known="open", **OF_SHOPS), "of group 'b'"
        past = X[X["load"].notna()]
    pipe.fit(past, past["load"])
    with pytest.raises(
        ValueError, match=f"hold .*'load'.*Got NaN at 2024-02-09.*{of}.*no values"
    ):
        forecast(pipe, X, 3, X_future=X[[c for c in X if c != "load"]])


def test_too_short_a_past_is_told_unless_fit_kept_more():
    """Fewer rows than a window reads give a warning, for all groups together one."""
    X = frame("load")
    pipe = linear().fit(X[:-2], X["load"][:-2])
    with pytest.warns(UserWarning, match=r"X has 1 row\(s\), fewer than the 4"):
        forecast(pipe, X[-1:], steps=1)
    forecast(pipe, X[-2:], steps=1)
    long = in_shops(X, "abc")
    panel = linear(**OF_SHOPS).fit(long, long["load"])
    forecast(panel, long[long["day"] > days()[-3]], steps=1)
    new = long.assign(shop=long["shop"] + " new")
    short = new[(new["shop"] == "a new") | (new["day"] >= days()[-2])]
    message = (
        r"^Group 'b new' of X, the first of 2 such groups of 3, has 2 row\(s\), fewer"
    )
    with pytest.warns(UserWarning, match=message):
        found = forecast(panel, short, steps=1)
    assert np.isfinite(found["load"]).all()


NO_LABELS = r"in the index of X.*pd\.to_datetime"
GAPS = np.random.default_rng(0).integers(3, 60, N_ROWS).cumsum() * pd.Timedelta("1min")
REFUSED_ROWS = {
    "strings": (lambda X: X.set_axis([f"day {i}" for i in range(N_ROWS)]), NO_LABELS),
    "fractions": (lambda X: X.set_axis(np.arange(N_ROWS) / 2), NO_LABELS),
    "levels": (lambda X: pd.concat({"a": X}), NO_LABELS),
    "durations": (lambda X: X.set_axis(X.index - X.index[0]), NO_LABELS),
    "irregular": (lambda X: X.set_axis(X.index[0] + GAPS), "common step"),
    "order": (lambda X: X[::-1], "time order.*2024-02-08 .* after 2024-02-09"),
    "twice": (lambda X: pd.concat([X, X[-1:]]), "one row per label.*2024-02-09"),
    "zone": (lambda X: X.tz_localize("UTC"), "one time zone throughout"),
    "none": (lambda X: X[:0], "at least one row"),
    "an array of none": (lambda X: X.to_numpy()[:0], "minimum of 1 is required"),
}


@pytest.mark.filterwarnings("ignore:The index has")
@pytest.mark.parametrize(("make", "words"), REFUSED_ROWS.values(), ids=REFUSED_ROWS)
def test_rows_that_cannot_be_continued_are_refused(make, words):
    """Labels that have no next one, rows out of order, in another zone, or none."""
    X = frame("load")
    fitted = X.to_numpy() if words == "common step" else X
    pipe = linear().fit(fitted, X["load"].to_numpy())
    with pytest.raises(ValueError, match=words):
        forecast(pipe, make(X), steps=2, target=0)


def test_arguments_are_not_changed():
    """X, X_future and the estimator are left as they were, read-only ones too."""
    pipe, X, to_come = known_case()
    X_before, future_before = X.copy(), to_come.copy()
    context = pipe[0].context_.copy()
    forecast(pipe, X, steps=6, X_future=to_come)
    pd.testing.assert_frame_equal(X, X_before)
    pd.testing.assert_frame_equal(to_come, future_before)
    np.testing.assert_array_equal(pipe[0].context_, context)
    table, values = X.to_numpy(copy=True), to_come.to_numpy(copy=True)
    table.flags.writeable = values.flags.writeable = False
    pipe = linear(known=[0, 2]).fit(table, table[:, 1])
    forecast(pipe, table, steps=6, X_future=values)
    np.testing.assert_array_equal(table, X_before)
    np.testing.assert_array_equal(values, future_before)


# -- panels ------------------------------------------------------------------------


def shops(kind="days", n_rows=(30, 25, 28), columns=("sales", "price")):
    """Return three series, two of which begin late, in one shuffled frame."""
    rng = np.random.default_rng(0)
    parts = []
    for code, n in enumerate(n_rows):
        times = INDEXES[kind][code - 31 :][:n]
        values = rng.normal(size=(n, len(columns))).cumsum(axis=0) + 10 * code
        part = pd.DataFrame(values, columns=list(columns))
        parts.append(part.assign(shop=f"shop {code}", time=times))
    frame = pd.concat(parts, ignore_index=True)
    return frame[["shop", "time", *columns]].sample(frac=1, random_state=1)


def ridge_pipe(window=3, regressor=None, **params):
    windows = SlidingWindow(window, groups="shop", time="time", layout="flat", **params)
    return make_pipeline(windows, SimpleImputer(), regressor or Ridge())


def at_once(horizon):
    """Return a network of three steps that need not know which shop a window is of."""
    windows = SlidingWindow(3, groups="shop", time="time", horizon=horizon)
    return make_pipeline(windows, tiny_lstm(steps=3, scaling="standard")[-1])


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


@pytest.mark.parametrize(
    ("kind", "pipe", "steps", "columns"),
    [
        *(
            (kind, ridge_pipe(horizon=h), 5, ["sales"])
            for kind in INDEXES
            for h in (1, 3)
        ),
        *(("days", ridge_pipe(horizon=h, known="price"), 4, ["sales"]) for h in (1, 2)),
        ("days", ridge_pipe(regressor=LinearRegression()), 4, ["sales", "price"]),
        *(("days", at_once(horizon=1), steps, ["sales"]) for steps in (2, 3, 7)),
        ("days", at_once(horizon=2), 5, ["sales"]),
    ],
)
def test_groups_are_forecast_as_each_would_be_alone(kind, pipe, steps, columns):
    """From their own ends, with known columns, several outputs or steps at once."""
    is_known = pipe[0].known == "price"
    frame = shops(kind, columns=["sales", "price"] if is_known else columns)
    pipe.fit(frame, frame[columns[0] if len(columns) == 1 else columns])
    future = future_rows(frame, steps) if is_known else None
    found = forecast(pipe, frame, steps, X_future=future)
    assert found.columns.tolist() == ["shop", "time", *columns]
    assert found["time"].dtype == frame["time"].dtype
    check_each_group(pipe, frame, steps, found, future, columns)


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


@pytest.fixture(scope="module")
def known_pipe():
    """Return a pipeline that needs prices to come, and its rows."""
    frame = shops()
    return ridge_pipe(known="price").fit(frame, frame["sales"]), frame


REFUSED_OF_A_PANEL = {
    "rows": (
        lambda f: f.sort_values(["shop", "time"]).iloc[[1, 2, 3, 5, 6, 7, 8]],
        "Got none for 2 of 9: time 2024-02-17 00:00:00 of group 'shop 0'; time 2024",
    ),
    "NaN": (
        lambda f: f.sort_values(["shop", "time"]).assign(price=[*range(8), np.nan]),
        r"none for 1 of 9: time .* of group 'shop 2'; append rows, or leave groups tha",
    ),
    "late": (
        lambda f: f.assign(time=f["time"] + pd.Timedelta("1h")),
        "none for 9 of 9",
    ),
    "group": (lambda f: f.drop(columns="shop"), "X_future.*Got no column 'shop'"),
    "time": (lambda f: f.drop(columns="time"), "X_future.*Got no column 'time'"),
    "known": (lambda f: f.drop(columns="price"), "known columns .*no column 'price'"),
    "array": (lambda f: f.to_numpy(), "needs X_future as a DataFrame.*Got ndarray"),
    "nothing": (lambda f: None, "needs X_future, .*'price'.*Got None"),
    "twice": (lambda f: pd.concat([f, f[:1]]), "of group 'shop .' more than once"),
}


@pytest.mark.parametrize(
    ("spoil", "message"), REFUSED_OF_A_PANEL.values(), ids=REFUSED_OF_A_PANEL
)
def test_what_is_missing_in_X_future_of_a_panel_is_named(known_pipe, spoil, message):
    """Columns and rows, by group and time."""
    pipe, frame = known_pipe
    with pytest.raises(ValueError, match=message):
        forecast(pipe, frame, 3, X_future=spoil(future_rows(frame, 3)))


def test_other_columns_are_refused():
    """More, fewer, or in another order than in fit, of a frame by their names."""
    X, more, long = frame("load"), frame("load", "wind"), shops()
    panel = ridge_pipe().fit(long, long["sales"])
    known = linear(known="wind").fit(more, more["load"])
    one = linear().fit(X, X["load"])
    table = linear().fit(X.to_numpy(), X["load"].to_numpy())
    for pipe, rows, words in (
        (one, more, r"order: \['load'\]. Got \['load', 'wind'\]"),
        (known, more[["wind", "load"]], r"Got \['wind', 'load'\]; pass X\[list"),
        (known, X, r"\['load', 'wind'\]. Got \['load'\]"),
        (table, more.to_numpy(), r"1 column\(s\) of the windows.*Got 2"),
        (panel, long.drop(columns="shop"), "Got no column 'shop'"),
        (panel, pd.concat([long, long[:1]]), "forecast needs one row per group and t"),
    ):
        with pytest.raises(ValueError, match=words):
            forecast(pipe, rows, 1)


def test_groups_of_X_future_alone_are_told(known_pipe):
    """A store that stands in X_future alone is not forecast, and that is said."""
    pipe, X = known_pipe
    future = future_rows(X, 2)
    new = future[future["shop"] == "shop 0"].assign(shop="shop 9")
    with pytest.warns(UserWarning, match=r"1 group\(s\) without a row in X.*'shop 9'"):
        found = forecast(pipe, X, 2, X_future=pd.concat([future, new]))
    pd.testing.assert_frame_equal(found, forecast(pipe, X, 2, X_future=future))
