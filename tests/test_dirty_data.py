"""Dirty data: missing values, irregular and duplicated stamps, holes, switched clocks.

Mostly the airline passengers with something done to them; the references are loops
over rows and ``pandas.DataFrame.ffill``.
"""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline

from sklstm import LSTMRegressor, SlidingWindow, forecast, load_airline_passengers
from sklstm.windows._panel import longest_gap


def passengers(n_rows=144, share=0.1, seed=0):
    """Return the airline series, some of whose values are missing."""
    X = load_airline_passengers()[:n_rows]
    is_missing = np.random.default_rng(seed).random(len(X)) < share
    return X.assign(passengers=X["passengers"].mask(is_missing))


def quietly(call, *args):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return call(*args)


def carried_by_loop(rows):
    """Return values by label in which NaN is the newest earlier value of its run."""
    carried = {}
    for label in sorted(rows):
        before = carried.get(label - 1, [np.nan] * len(rows[label]))
        carried[label] = [
            old if np.isnan(new) else new
            for new, old in zip(rows[label], before, strict=True)
        ]
    return carried


def windows_by_loop(labels, carried, *, window, horizon, known):
    """Return the windows of some labels; a step that lacks a value is missing."""
    horizon = 0 if all(known) else horizon
    windows = np.full((len(labels), window, len(known)), np.nan, dtype=np.float32)
    for row, label in enumerate(labels):
        for step in range(window - 1, -1, -1):
            lagged = label - horizon - window + 1 + step
            sources = [lagged + horizon if is_known else lagged for is_known in known]
            if lagged not in carried:
                break
            values = [carried[source][c] for c, source in enumerate(sources)]
            if np.isnan(values).any():
                break
            windows[row, step] = values
    return windows


@st.composite
def holed_rows(draw):
    """Draw parameters, fitted rows with NaN and holes, and rows that follow them."""
    params = {"window": draw(st.integers(1, 4)), "horizon": draw(st.integers(0, 2))}
    known = draw(st.sampled_from([(False, False), (False, True), (True, True)]))
    labels = [*range(4), *range(6, 6 + draw(st.integers(4, 9)))]
    n_new = draw(st.integers(1, 6))
    values = {}
    for label in range(labels[-1] + 1 + n_new):
        is_missing = draw(st.tuples(st.booleans(), st.booleans()))
        values[label] = [
            np.nan if nan else 10.0 * label + c for c, nan in enumerate(is_missing)
        ]
    new = list(range(labels[-1] + 1, labels[-1] + 1 + n_new))
    return params, known, labels, new, values


def frame_at(labels, values):
    rows = [values[label] for label in labels]
    return pd.DataFrame(rows, index=labels, columns=["a", "b"], dtype=float)


# -- missing values -----------------------------------------------------------------


@pytest.mark.parametrize("call", ["fit", "transform"])
def test_nan_is_an_error_by_default(call):
    """Without a choice the first NaN is named."""
    X = passengers()
    first = X.index[X["passengers"].isna()][0]
    sliding_window = SlidingWindow(12)
    if call == "transform":
        sliding_window.fit(load_airline_passengers())
    with pytest.raises(
        ValueError, match=r"Got NaN in row Timestamp.*'passengers'"
    ) as e:
        getattr(sliding_window, call)(X)
    assert repr(first) in str(e.value)


@settings(max_examples=60)
@given(holed_rows(), st.sampled_from(["series", "groups"]))
def test_carried_values_are_what_a_loop_carries(case, kind):
    """Fitted rows and rows after them are filled from earlier rows of their run."""
    params, known, labels, new, values = case
    names = [name for name, is_known in zip("ab", known, strict=True) if is_known]
    X, X_new = frame_at(labels, values), frame_at(new, values)
    carried = carried_by_loop({label: values[label] for label in [*labels, *new]})
    if kind == "groups":
        X, X_new = (f.assign(g="x").rename_axis("t").reset_index() for f in (X, X_new))
        params |= {"groups": "g", "time": "t"}
    sliding_window = SlidingWindow(**params, known=names, missing="carry")
    loop = {"window": params["window"], "horizon": params["horizon"], "known": known}
    found = np.asarray(sliding_window.fit_transform(X))
    np.testing.assert_array_equal(found, windows_by_loop(labels, carried, **loop))
    again = np.asarray(quietly(sliding_window.transform, X))
    np.testing.assert_array_equal(again, found)
    found = np.asarray(sliding_window.transform(X_new))
    # fit keeps no more rows than a window reads.
    np.testing.assert_array_equal(found, windows_by_loop(new, carried, **loop))


@pytest.mark.parametrize("missing", ["carry", "mask"])
@pytest.mark.parametrize("now", [5, 40, 100])
def test_nothing_is_filled_from_later_rows(missing, now):
    """Other values and other NaN after a row change no window up to it."""
    X, other = passengers(), passengers(share=0.5, seed=1)
    other["passengers"] += 1000
    changed = pd.concat([X[: now + 1], other[now + 1 :]])
    sliding_window = SlidingWindow(6, missing=missing).fit(X)
    before, after = (quietly(sliding_window.transform, rows) for rows in (X, changed))
    np.testing.assert_array_equal(after[: now + 2], before[: now + 2])
    assert not np.array_equal(after, before, equal_nan=True)


def test_carry_is_ffill_within_a_run():
    """In one run, carried windows are those of the series filled forward."""
    X = passengers()
    X.iloc[0] = 112.0
    found = SlidingWindow(12, missing="carry").fit_transform(X)
    np.testing.assert_array_equal(found, SlidingWindow(12).fit_transform(X.ffill()))


def test_a_hole_ends_what_is_carried():
    """After a hole there is nothing to carry until there is a value."""
    X = load_airline_passengers()[:40]
    X.iloc[20:22] = np.nan
    X = X.drop(X.index[18:20])
    windows = SlidingWindow(3, missing="carry").fit_transform(X)
    n_true = (~np.isnan(windows[:, :, 0])).sum(axis=1)
    # Two rows without a value, then three that fill up.
    assert n_true[17:25].tolist() == [3, 0, 0, 0, 1, 2, 3, 3]


def test_mask_tells_what_was_missing():
    """A column that had NaN in fit has a channel of 0 and 1 beside it."""
    X = passengers(n_rows=60).assign(year=lambda frame: frame.index.year)
    X.iloc[0, 0] = 112.0
    is_missing = X["passengers"].isna().rename("missing")
    sliding_window = SlidingWindow(2, horizon=2, missing="mask", known="year")
    windows = sliding_window.fit_transform(X)
    expected = pd.concat([X["passengers"].ffill(), X["year"], is_missing], axis=1)
    for step, back in ((0, 1), (1, 0)):
        table = expected.shift(2 + back)
        table["year"] = X["year"].shift(back).where(table["passengers"].notna())
        np.testing.assert_array_equal(windows[:, step], table.astype("f4"))
    assert sliding_window.get_feature_names_out().tolist() == [
        *("passengers_t-3", "year_t-1", "passengers_missing_t-3"),
        *("passengers_t-2", "year_t", "passengers_missing_t-2"),
    ]
    # A column that was whole in fit is carried, but has no channel to tell it.
    later = load_airline_passengers()[60:63].assign(year=[1954.0, np.nan, 1954.0])
    windows = sliding_window.transform(later)
    assert windows.shape == (3, 2, 3)
    assert windows[:, -1, 1].tolist() == [1954, 1954, 1954]


def test_mask_of_a_known_column_is_known():
    """What is missing of a known column is told of the predicted row."""
    X = pd.DataFrame(
        {"load": range(6), "rain": [1, np.nan, 3, 4, np.nan, 6]}, dtype=float
    )
    sliding_window = SlidingWindow(1, missing="mask", known="rain")
    windows = sliding_window.fit_transform(X)[1:, 0]
    np.testing.assert_array_equal(windows[:, 0], [0, 1, 2, 3, 4])
    np.testing.assert_array_equal(windows[:, 1], [1, 3, 4, 4, 6])
    np.testing.assert_array_equal(windows[:, 2], [1, 0, 0, 1, 0])


@pytest.mark.parametrize("missing", ["carry", "mask"])
def test_clean_rows_are_left_alone(missing):
    """Without NaN all three choices give the same windows."""
    X = load_airline_passengers()
    expected = SlidingWindow(12).fit_transform(X)
    found = SlidingWindow(12, missing=missing).fit_transform(X)
    np.testing.assert_array_equal(found, expected)


def test_infinity_is_an_error_with_every_choice():
    """NaN is missing; infinity is wrong."""
    X = passengers()
    X.iloc[7] = np.inf
    with pytest.raises(ValueError, match="Got inf in row Timestamp"):
        SlidingWindow(12, missing="carry").fit(X)
    X.iloc[7] = 1.1e39
    with pytest.raises(ValueError, match=r"beyond float32\). Got 1\.1e\+39 in row Ti"):
        SlidingWindow(12, missing="carry").fit(X)


@pytest.mark.parametrize("dtype", ["Float64", object, "NA", "array"])
def test_missing_values_of_every_kind(dtype):
    """NA, None and NaN are missing alike."""
    X = passengers(n_rows=40)
    X.iloc[0] = 112.0
    expected = SlidingWindow(3, missing="carry").fit_transform(X)
    if dtype == "array":
        rows = X.to_numpy()
    elif dtype in (object, "NA"):
        absent = pd.NA if dtype == "NA" else None
        rows = X.astype(object).where(X.notna(), absent)
    else:
        rows = X.astype(dtype)
    found = SlidingWindow(3, missing="carry").fit_transform(rows)
    np.testing.assert_array_equal(found, expected)


def test_an_lstm_learns_from_and_forecasts_dirty_rows():
    """NaN in X is carried; rows whose target is missing have weight 0."""
    X = passengers()
    y, weight = X["passengers"].bfill(), X["passengers"].notna().astype(float)
    lstm = LSTMRegressor(2, epochs=2, random_state=0)
    predictions = []
    for missing in ("carry", "mask"):
        pipe = make_pipeline(SlidingWindow(12, missing=missing), lstm)
        pipe.fit(X, y, lstmregressor__sample_weight=weight)
        predictions.append(pipe.predict(X))
        assert np.isfinite(predictions[-1]).all()
        assert np.isfinite(forecast(pipe, X, 12)).all()
    assert not np.array_equal(*predictions)


@pytest.mark.parametrize("kind", ["frame", "array", "panel"])
def test_forecasts_carry_from_before_the_window(kind):
    """Where rows before the newest are missing, forecasts read the value before."""
    X = load_airline_passengers().reset_index(drop=True)
    dirty = X.copy()
    dirty.iloc[-6:-1] = np.nan
    params = {}
    rows = dirty
    if kind == "panel":
        rows = dirty.assign(g=1, t=dirty.index)[::-1]
        params = {"groups": "g", "time": "t"}
    windows = SlidingWindow(3, layout="flat", missing="carry", **params)
    pipe = make_pipeline(windows, SimpleImputer(), Ridge())
    clean = rows.ffill() if kind != "panel" else rows.bfill()
    pipe.fit(clean, clean["passengers"])
    expected = forecast(pipe, clean, 4)
    # Other labels than those of fit, so that its context does not help.
    if kind == "panel":
        rows = rows.assign(g=2)
        found = forecast(pipe, rows, 4)["passengers"]
        expected = expected["passengers"]
    elif kind == "array":
        found = quietly(forecast, pipe, rows.to_numpy(), 4)
    else:
        found = forecast(pipe, rows.set_axis(range(500, 644)), 4)
    np.testing.assert_allclose(found, expected)


@given(
    st.lists(st.lists(st.booleans(), min_size=1, max_size=9), min_size=1, max_size=4)
)
def test_longest_gap_is_that_of_a_loop(groups):
    """The longest stretch of missing rows within a group is never underrated."""
    is_missing = np.concatenate(groups)[:, None]
    starts = np.cumsum([0, *map(len, groups[:-1])])
    longest = max(
        (
            len(run)
            for group in groups
            for run in "".join("01"[m] for m in group).split("0")
        ),
    )
    assert longest <= longest_gap(is_missing, starts) <= longest + 1


def test_missing_is_a_parameter_like_others():
    """A search chooses between carrying and masking."""
    X = passengers()
    windows = SlidingWindow(12, layout="flat", missing="carry")
    pipe = make_pipeline(windows, SimpleImputer(), Ridge())
    grid = {"slidingwindow__missing": ["carry", "mask"]}
    search = GridSearchCV(pipe, grid, cv=TimeSeriesSplit(3), error_score="raise")
    search.fit(X, X["passengers"].ffill().bfill())
    assert len(set(search.cv_results_["mean_test_score"])) == 2


# -- irregular stamps ---------------------------------------------------------------


def irregular(n_rows=144, seed=0):
    """Return the airline series at irregular seconds, and the seconds."""
    steps = np.random.default_rng(seed).integers(1, 100_000, size=n_rows)
    seconds = steps.cumsum()
    stamps = pd.Timestamp("2024-01-01", tz="Europe/Berlin") + pd.to_timedelta(
        seconds, "s"
    )
    return load_airline_passengers()[:n_rows].set_axis(stamps), steps


def test_irregular_stamps_are_an_error_by_default():
    """Stamps without a common step are named, and what to do."""
    X, _ = irregular()
    with pytest.raises(ValueError, match=r"common step.*elapsed=True"):
        SlidingWindow(3).fit(X)


@pytest.mark.parametrize("horizon", [1, 2])
@pytest.mark.parametrize("n_fit", [144, 100])
def test_elapsed_is_the_time_since_the_row_before(horizon, n_fit):
    """Rows follow each other; the channel holds seconds, also from fit to new rows."""
    X, steps = irregular()
    sliding_window = SlidingWindow(3, horizon=horizon, elapsed=True).fit(X[:n_fit])
    windows = sliding_window.transform(X[:n_fit])
    if n_fit < 144:
        windows = np.concatenate([windows, sliding_window.transform(X[n_fit:])])
    steps = pd.Series([0, *steps[1:]], X.index)
    for back in range(3):
        lagged = X["passengers"].shift(horizon + back)
        # Known at the predicted row: its part of the window ends there.
        seconds = steps.shift(back).where(lagged.notna()).astype("f4")
        np.testing.assert_array_equal(windows[:, 2 - back, 0], lagged.astype("f4"))
        np.testing.assert_array_equal(windows[:, 2 - back, 1], seconds)
    names = sliding_window.get_feature_names_out()
    assert names[-2:].tolist() == [f"passengers_t-{horizon}", "elapsed_t"]


@pytest.mark.parametrize("kind", ["integer", "period", "ms", "panel"])
def test_elapsed_of_other_labels(kind):
    """Integers and periods are counted, stamps of any resolution are seconds."""
    numbers = np.array([0, 3, 4, 9, 11])
    X = pd.DataFrame({"load": range(5)}, dtype=float)
    params = {"elapsed": True}
    if kind == "integer":
        X.index = numbers
    elif kind == "period":
        X.index = pd.PeriodIndex.from_ordinals(numbers, freq="M")
    elif kind == "ms":
        X.index = (pd.Timestamp("2024-01-01") + pd.to_timedelta(numbers, "s")).as_unit(
            "ms"
        )
    else:
        X = X.assign(t=numbers, g="b")
        X = pd.concat([X.assign(g="a", t=[1, 2, 5, 6, 7]), X])[::-1]
        params |= {"groups": "g", "time": "t"}
    sliding_window = SlidingWindow(1, **params).fit(X[:4] if kind != "panel" else X)
    windows = np.asarray(quietly(sliding_window.transform, X))
    if kind == "panel":
        assert windows[:, 0, 1].tolist()[:4] == [2, 5, 1, 3]
        np.testing.assert_array_equal(windows[5:9, 0, 1], [1, 1, 3, 1])
        return
    np.testing.assert_array_equal(windows[1:, 0, 1], [3, 1, 5, 2])
    last = X[4:] if kind != "ms" else X[4:].set_axis(X.index[4:].as_unit("ns"))
    assert sliding_window.transform(last)[0, 0].tolist() == [3, 2]


@given(st.integers(0, 40), st.integers(1, 5))
def test_rows_that_overlap_fit_see_the_kept_rows_before_them(start, window):
    """Kept rows are put in front only where they are strictly earlier."""
    X, _ = irregular(40)
    rows = X[start : start + 5]
    if not len(rows):
        return
    sliding_window = SlidingWindow(window, elapsed=True).fit(X[:30])
    found = sliding_window.transform(rows)[:, :, 0]
    kept = range(30 - window, min(start, 30))
    before = X["passengers"].iloc[list(kept)].tolist() + rows["passengers"].tolist()
    for row in range(len(rows)):
        past = before[: len(kept) + row][-window:]
        expected = np.float32([np.nan] * (window - len(past)) + past)
        np.testing.assert_array_equal(found[row], expected)


def test_elapsed_windows_are_a_view():
    """One series in order costs no more than its rows."""
    X, _ = irregular()
    assert SlidingWindow(24, elapsed=True).fit_transform(X).base is not None


def test_elapsed_reads_nothing_later():
    """Later values and later stamps change no window up to a row."""
    X, _ = irregular()
    sliding_window = SlidingWindow(6, elapsed=True).fit(X)
    changed = X.set_axis([*X.index[:71], *(X.index[71:] + pd.Timedelta("1D"))])
    changed.iloc[71:] = -1.0
    before, after = (sliding_window.transform(rows) for rows in (X, changed))
    np.testing.assert_array_equal(after[:71], before[:71])


def test_elapsed_with_missing_values():
    """Both may be asked for; channels stand in order: columns, masks, elapsed."""
    X, steps = irregular()
    X.iloc[5:8] = np.nan
    sliding_window = SlidingWindow(1, missing="mask", elapsed=True)
    windows = sliding_window.fit_transform(X)[1:, 0]
    filled = X["passengers"].ffill()[:-1].astype("f4")
    np.testing.assert_array_equal(windows[:, 0], filled)
    np.testing.assert_array_equal(windows[:, 1], X["passengers"].isna()[:-1])
    np.testing.assert_array_equal(windows[:, 2], steps[1:].astype("f4"))


def test_an_lstm_learns_from_irregular_rows():
    """Pipelines take irregular rows; forecasts say that no step tells what comes."""
    X, _ = irregular()
    lstm = LSTMRegressor(2, epochs=2, random_state=0)
    pipe = make_pipeline(SlidingWindow(6, elapsed=True), lstm).fit(X, X["passengers"])
    assert np.isfinite(pipe.predict(X)).all()
    with pytest.raises(ValueError, match="must have a common step"):
        forecast(pipe, X, 3)
    # Where rows are regular they go on.
    regular = load_airline_passengers()
    pipe.fit(regular, regular["passengers"])
    found = forecast(pipe, regular, 3)
    assert found.index.tolist() == list(
        pd.date_range("1961-01-01", periods=3, freq="MS")
    )


def test_elapsed_needs_labels():
    """Rows without times have no time between them."""
    X = load_airline_passengers()
    with pytest.raises(ValueError, match=r"elapsed=True.*Got an array"):
        SlidingWindow(elapsed=True).fit(X.to_numpy())
    with pytest.raises(ValueError, match=r"elapsed=True.*in the index"):
        SlidingWindow(elapsed=True).fit(X.set_axis([f"row {i}" for i in range(144)]))


# -- duplicates, holes, clocks ------------------------------------------------------


@pytest.mark.parametrize("elapsed", [False, True])
def test_duplicated_stamps_are_named(elapsed):
    """A month that is there twice is an error, whatever else is asked for."""
    X = load_airline_passengers()
    X = X.iloc[[*range(50), 49, *range(50, 144)]]
    with pytest.raises(ValueError, match=r"one row per label. Got .*1953-02-01"):
        SlidingWindow(12, elapsed=elapsed).fit(X)


def test_holes_end_runs_unless_elapsed():
    """Missing months end a run; with ``elapsed`` the channel tells how many."""
    X = load_airline_passengers().drop(pd.date_range("1953-02", periods=3, freq="MS"))
    windows = SlidingWindow(4).fit_transform(X)
    n_true = (~np.isnan(windows[:, :, 0])).sum(axis=1)
    assert n_true[47:56].tolist() == [4, 4, 0, 1, 2, 3, 4, 4, 4]
    windows = SlidingWindow(4, elapsed=True).fit_transform(X)
    assert not np.isnan(windows[4:]).any()
    days = windows[49, :, 1] / 86400
    assert days.tolist() == [31, 30, 31, 120]


@pytest.mark.parametrize("switch", ["2024-03-31", "2024-10-27"])
def test_hours_in_a_zone_go_on_across_the_switch(switch):
    """An hourly index with a zone has no hole in spring and no double in autumn."""
    start = pd.Timestamp(switch, tz="Europe/Berlin") - pd.Timedelta("3D")
    hours = pd.date_range(start, periods=144, freq="h")
    X = load_airline_passengers().set_axis(pd.DatetimeIndex(hours.array, freq=None))
    windows = SlidingWindow(24).fit_transform(X)
    assert not np.isnan(windows[24:]).any()
    sliding_window = SlidingWindow(24).fit(X[:75])
    np.testing.assert_array_equal(sliding_window.transform(X[75:]), windows[75:])


def test_hours_without_a_zone_break_at_the_switch():
    """On the wall clock alone spring has a hole, and autumn an hour twice."""
    spring = pd.date_range("2024-03-29", periods=144, freq="h", tz="Europe/Berlin")
    X = load_airline_passengers().set_axis(spring.tz_localize(None))
    windows = SlidingWindow(3).fit_transform(X)
    first = int(np.flatnonzero(spring.hour == 3)[2])
    assert np.isnan(windows[first]).all()
    autumn = pd.date_range("2024-10-25", periods=144, freq="h", tz="Europe/Berlin")
    X.index = autumn.tz_localize(None)
    with pytest.raises(ValueError, match=r"one row per label.*2024-10-27 02:00"):
        SlidingWindow(3).fit(X)
    long = X.rename_axis("t").reset_index()
    with pytest.raises(
        ValueError, match=r"one row per group and time.*2024-10-27 02:00"
    ):
        SlidingWindow(3, time="t").fit(long)
    # What the docstring says to do.
    X.index = X.index.tz_localize("Europe/Berlin", ambiguous="infer")
    assert not np.isnan(SlidingWindow(3).fit_transform(X)[3:]).any()


def test_what_is_missing_ahead_is_marked_at_its_own_row():
    """The mask of a known column is read as far ahead as the column."""
    X = pd.DataFrame({"load": np.arange(12.0), "tide": np.arange(12.0) * 10})
    X.loc[7, "tide"] = np.nan
    windows = SlidingWindow(4, known="tide", known_ahead=2, missing="mask")
    made = windows.fit_transform(X)
    assert windows.get_feature_names_out()[-3:].tolist() == [
        "load_t-1",
        "tide_t+2",
        "tide_missing_t+2",
    ]
    np.testing.assert_array_equal(made[6, :, 1], [50, 60, 60, 80])
    np.testing.assert_array_equal(made[6, :, 2], [0, 0, 1, 0])
    np.testing.assert_array_equal(made[11, :, 1], [100, 110, 110, 110])
