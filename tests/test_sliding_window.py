"""SlidingWindow: the rules of windows, for one series and for many, and its errors.

The references are a loop over the filled grid, ``pandas.DataFrame.shift``, and
scikit-learn's own checks of an estimator.
"""

import re
import warnings
from datetime import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklstm import LSTMRegressor, SlidingWindow

START = pd.Timestamp("2024-03-30 20:00")
BERLIN = "Europe/Berlin"
LABELS = {
    "integers": lambda t: pd.Index(3 * np.asarray(t) - 20),
    "hours": lambda t: START + pd.to_timedelta(t, "h"),
    "zoned hours": lambda t: START.tz_localize(BERLIN) + pd.to_timedelta(t, "h"),
    "zoned days": lambda t: (START + pd.to_timedelta(t, "D")).tz_localize(BERLIN),
    "month ends": lambda t: quarters(t, "M").to_timestamp(how="end").normalize(),
    "quarters": lambda t: quarters(t, "Q"),
}
PANEL = {"groups": "g", "time": "t"}


def frame_of(n_rows=20, labels=None, columns=("load", "temp")):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        rng.normal(size=(n_rows, len(columns))), columns=list(columns), index=labels
    )


def hourly(n_rows):
    return frame_of(n_rows, pd.date_range("2024-03-30", periods=n_rows, freq="h"))


def quarters(t, freq):
    return pd.PeriodIndex.from_ordinals(np.asarray(t) + 600, freq=freq)


def panel_of(n_rows=12, groups=("a", "b")):
    """Return groups of rows at integer times, each at a level of its own."""
    parts = [
        frame_of(n_rows).add(10.0 * i).assign(g=g, t=np.arange(n_rows))
        for i, g in enumerate(groups)
    ]
    return pd.concat(parts, ignore_index=True)


def quietly(call, *args):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return np.asarray(call(*args))


# -- every window, against a loop -----------------------------------------------------


class Case:
    """Rows of fit and later rows, by group and place, of which some are missing."""

    def __init__(self, params, door, kind, seed):
        self.params, self.door, self.kind = params, door, kind
        self.rng = np.random.default_rng(seed)
        n_groups = self.rng.integers(2, 4) if door == "panel" else 1
        self.fitted = {0: self.rows([*range(12), *self._some(range(12, 24), 8)])}
        self.new = {0: self.rows([30, 31, *self._some(range(8, 40), 8)])}
        for code in range(1, n_groups):
            self.fitted[code] = self.rows(self._some(range(24), 4))
            self.new[code] = self.rows(self._some(range(8, 40), 8))
        if door == "panel":
            self.new[7] = self.rows(self._some(range(40), 6))

    def _some(self, places, n_most):
        n_rows = self.rng.integers(1, n_most + 1)
        return self.rng.choice(places, n_rows, replace=False).tolist()

    def rows(self, places):
        """Return random rows at some places."""
        places = sorted(set(places))
        values = self.rng.normal(size=(len(places), 2))
        values[self.rng.random(values.shape) < 0.15] = np.nan
        values[0] = 1.0 if self.rng.random() < 0.8 or places[0] == 0 else np.nan
        return pd.DataFrame(values, columns=["a", "b"], index=places)

    def X(self, groups, shift=0, shuffled=True):
        """Return rows as they are passed, and group and place of each."""
        labels_of = LABELS[self.kind]
        frames = [rows.assign(g=code, p=rows.index) for code, rows in groups.items()]
        frame = pd.concat(frames, ignore_index=True)
        if self.door == "series":
            X = frame[["a", "b"]].set_axis(labels_of(frame["p"].to_numpy() + shift))
            return X, list(zip(frame["g"], frame["p"], strict=True))
        if shuffled:
            frame = frame.iloc[self.rng.permutation(len(frame))]
        where = list(zip(frame["g"], frame["p"], strict=True))
        X = frame.assign(t=labels_of(frame["p"].to_numpy() + shift)).drop(columns="p")
        return (X if self.door == "panel" else X.drop(columns="g")), where

    def transformer(self):
        """Return what reads such rows."""
        door = {"series": {}, "time": {"time": "t"}, "panel": PANEL}[self.door]
        return SlidingWindow(**self.params, **door)


@st.composite
def cases(draw, doors=("series", "time", "panel")):
    """Draw parameters, rows that are passed, and labels."""
    window, door = draw(st.integers(1, 5)), draw(st.sampled_from(doors))
    known = draw(st.sampled_from([(), ("b",), ("a", "b")]))
    params = {"window": window, "horizon": draw(st.integers(0, 3)), "known": known}
    params["known_ahead"] = draw(st.integers(0, window - 1)) if known else 0
    kinds = [k for k in LABELS if k != "integers" or door != "panel"]
    return Case(params, door, draw(st.sampled_from(kinds)), draw(st.integers(0, 9999)))


def windows_by_loop(rows, past, *, window, horizon, known, known_ahead):
    """Return the window of each row, by place, from the grid filled forward."""
    lag = 0 if len(known) == 2 else horizon
    if past is not None:
        kept = past.ffill()[-max(window + lag - 1, 1) :]
        table = pd.concat([kept[kept.index < rows.index[0]], rows])
    else:
        table = rows
    first, last = table.index[0], table.index[-1]
    grid = table.reindex(range(first, last + known_ahead + 1)).ffill()
    windows = {}
    for place in rows.index:
        block = np.full((window, 2), np.nan)
        for step in range(window):
            for channel, name in enumerate(grid):
                delay = -known_ahead if name in known else lag
                read = place - delay - window + 1 + step
                if read >= first:
                    block[step, channel] = grid.at[read, name]
        block[np.isnan(block).any(axis=1)] = np.nan
        windows[place] = block
    return windows


@settings(max_examples=200)
@given(cases())
def test_every_window_is_what_a_loop_reads(case):
    """Holes, NaN, horizons, known columns and the rows kept from fit, for all doors."""
    X, where = case.X(case.fitted)
    X_new, where_new = case.X(case.new)
    transformer = case.transformer()
    fitted = quietly(transformer.fit_transform, X)
    again = quietly(transformer.transform, X)
    np.testing.assert_array_equal(again, fitted)
    found = quietly(transformer.transform, X_new)
    for groups, past, order, windows in (
        (case.fitted, {}, where, fitted),
        (case.new, case.fitted, where_new, found),
    ):
        expected = {
            code: windows_by_loop(rows, past.get(code), **case.params)
            for code, rows in groups.items()
        }
        expected = np.array([expected[code][place] for code, place in order])
        np.testing.assert_array_equal(windows, expected)
        assert windows.dtype == np.float64


@settings(max_examples=100)
@given(cases(), st.integers(0, 40))
def test_no_window_reads_what_comes_later(case, now):
    """Other values, NaN and rows after a time change no window up to it."""
    X, _ = case.X(case.fitted)
    transformer = case.transformer()
    quietly(transformer.fit, X)
    known, ahead = case.params["known"], case.params["known_ahead"]
    changed = {}
    for code, rows in case.new.items():
        changed[code] = rows.copy()
        for name in rows:
            later = rows.index > now + (ahead if name in known else 0)
            changed[code].loc[later, name] = case.rng.choice([-77.0, np.nan])
    before, after = (
        pd.DataFrame(
            quietly(transformer.transform, X_new).reshape(len(X_new), -1),
            index=pd.MultiIndex.from_tuples(where),
        )
        for X_new, where in (case.X(case.new), case.X(changed))
    )
    past = before.index[before.index.get_level_values(1) <= now]
    np.testing.assert_array_equal(after.loc[past], before.loc[past])


@settings(max_examples=60)
@given(cases(), st.integers(-50, 50))
def test_windows_do_not_depend_on_the_date(case, shift):
    """The same rows at another time have the same windows."""
    if case.kind == "zoned hours":
        shift *= 24
    found = []
    for by in (0, shift):
        transformer = case.transformer()
        quietly(transformer.fit, case.X(case.fitted, by, shuffled=False)[0])
        X_new = case.X(case.new, by, shuffled=False)[0]
        found.append(quietly(transformer.transform, X_new))
    np.testing.assert_array_equal(*found)


@settings(max_examples=60)
@given(cases(doors=["panel"]))
def test_groups_know_nothing_of_each_other(case):
    """Another group changes no window, in fit or later, and no order of rows does."""
    X, X_new = (case.X(rows, shuffled=False)[0] for rows in (case.fitted, case.new))
    more = case.X({-3: case.rows(range(3, 30)), 50: case.rows([0, 7])})[0]
    transformer = case.transformer()
    quietly(transformer.fit, X)
    alone = quietly(transformer.transform, X_new)
    quietly(transformer.fit, pd.concat([more, X[::-1]]))
    found = quietly(transformer.transform, pd.concat([more, X_new[::-1]]))
    np.testing.assert_array_equal(found[: len(more) - 1 : -1], alone)


# -- context --------------------------------------------------------------------------


def test_arrays_can_be_numbered_on():
    """Array rows of fit are numbered from 0, bring their own past, and go on."""
    X = frame_of(30).to_numpy()
    expected = SlidingWindow(4).fit_transform(X)
    sliding_window = SlidingWindow(4).fit(X[:20])
    np.testing.assert_array_equal(sliding_window.transform(X[:7]), expected[:7])
    later = pd.DataFrame(X[20:], index=range(20, 30))
    np.testing.assert_array_equal(sliding_window.transform(later), expected[20:])
    sliding_window.partial_fit(X[20:25])
    np.testing.assert_array_equal(sliding_window.transform(later[5:]), expected[25:])


def test_context_is_a_copy_that_transform_does_not_change():
    """Neither the user's rows nor rows transformed in between reach the context."""
    X = np.arange(20.0, dtype=np.float32).reshape(-1, 1)
    frame = pd.DataFrame(X, columns=["load"], copy=False)
    sliding_window = SlidingWindow(3).fit(frame)
    X[:] = -1
    new = pd.DataFrame({"load": [20.0, 21.0]}, index=[20, 21])
    for rows in (new, new[:1], new):
        assert sliding_window.transform(rows)[0, :, 0].tolist() == [17, 18, 19]


# -- what comes in --------------------------------------------------------------------


@pytest.mark.parametrize("known", [["temp"], ("temp",), "temp", 1, [1], np.int64(1)])
def test_known_by_name_or_position(known):
    """A known column may be named or counted; an array has positions for names."""
    X = frame_of()
    expected = SlidingWindow(3, known=["temp"]).fit_transform(X)
    found = SlidingWindow(3, known=known).fit_transform(X)
    np.testing.assert_array_equal(found, expected)
    by_position = SlidingWindow(3, known=1).fit_transform(X.to_numpy())
    np.testing.assert_array_equal(by_position, expected)
    swapped = X.set_axis([1, 0], axis=1)
    assert SlidingWindow(3, known=1).fit(swapped).is_known_.tolist() == [True, False]


def test_series_frame_and_array_are_read_alike():
    """One column is the same windows in every container, and X stays as it was."""
    X = frame_of(columns=("load",))
    expected = SlidingWindow(4).fit_transform(X.copy())
    read_only = X.to_numpy(copy=True)
    read_only.flags.writeable = False
    masked = np.ma.masked_array(X.to_numpy(), X.to_numpy() < -1e9)
    arrays = read_only, np.asfortranarray(X), masked, X.to_numpy().tolist()
    for other in (X, X["load"], *arrays):
        np.testing.assert_array_equal(SlidingWindow(4).fit_transform(other), expected)
    sliding_window = SlidingWindow(4).fit(X[:12])
    np.testing.assert_array_equal(
        sliding_window.transform(X["load"][12:]), expected[12:]
    )


@pytest.mark.parametrize(
    "dtype",
    "Int64 Float32 Float64 UInt8 boolean int8 uint64 float16 bool object >f4 g".split(),
)
def test_numbers_of_any_dtype_become_floats(dtype):
    """Nullable, small, large and swapped dtypes are numbers all the same."""
    numbers = pd.DataFrame({"load": [0, 1, 1, 0, 1, 0], "temp": [1.5, 2, 3, 4, 5, 6]})
    windows = SlidingWindow(2).fit_transform(numbers.astype({"load": dtype}))
    assert windows.dtype == np.float64
    np.testing.assert_array_equal(windows, SlidingWindow(2).fit_transform(numbers))


KEYS = {
    "strings": lambda codes: codes.map("store {}".format),
    "categories": lambda codes: pd.Categorical(
        codes.map("store {}".format), [f"store {i}" for i in range(30, -1, -1)]
    ),
    "stamps": lambda codes: pd.Timestamp("2024-01-01") + pd.to_timedelta(codes, "D"),
}


@pytest.mark.parametrize("kind", KEYS)
def test_keys_of_every_kind(kind):
    """Strings, categories and stamps tell groups apart as integers do."""
    X, later = panel_of(8, (3, 11, 7)), panel_of(12, (7, 20, 3))
    later = later[later["t"] >= 8]
    expected = np.asarray(SlidingWindow(3, **PANEL).fit(X).transform(later))
    keyed, more = (f.assign(g=KEYS[kind](f["g"])) for f in (X, later))
    panel = SlidingWindow(3, **PANEL).fit(keyed)
    np.testing.assert_array_equal(panel.transform(more), expected)
    pairs, more = (f.assign(h=f["g"] // 5, g=f["g"] % 5) for f in (X, later))
    panel = SlidingWindow(3, groups=["h", "g"], time="t").fit(pairs)
    assert panel.groups_.tolist() == [(0, 3), (1, 2), (2, 1)]
    np.testing.assert_array_equal(panel.transform(more), expected)
    other = X.assign(g=X["g"].astype(str))
    with pytest.raises(ValueError, match=r"that fit had, integer. Got string.*'g'"):
        SlidingWindow(3, **PANEL).fit(X).transform(other)


def test_groups_may_be_out_of_phase_and_time_may_be_the_index():
    """Quarters that end in other months, and days of other weeks, are one step each."""
    for one, other in (("QE-DEC", "QE-JAN"), ("W-MON", "W-WED")):
        stamps = [pd.date_range("2020-01-01", periods=6, freq=f) for f in (one, other)]
        X = pd.DataFrame({"t": stamps[0].append(stamps[1]), "g": [*"aaaaaabbbbbb"]})
        X["load"] = np.arange(12.0)
        windows = np.asarray(SlidingWindow(2, **PANEL).fit_transform(X))[:, :, 0]
        assert windows[2:6, 1].tolist() == [1, 2, 3, 4]
        assert (
            windows[8:, 0].tolist() == [6, 7, 8, 9] and np.isnan(windows[[0, 6]]).all()
        )
        by_index = SlidingWindow(2, groups="g").fit_transform(X.set_index("t"))
        np.testing.assert_array_equal(np.asarray(by_index)[:, :, 0], windows)


# -- what goes out --------------------------------------------------------------------


NAMES = [
    (1, "temp", "load_t-2 temp_t-1 load_t-1 temp_t"),
    (0, (), "load_t-1 temp_t-1 load_t temp_t"),
    (3, (), "load_t-4 temp_t-4 load_t-3 temp_t-3"),
    (3, ["load", "temp"], "load_t-1 temp_t-1 load_t temp_t"),
]


@pytest.mark.parametrize(("horizon", "known", "names"), NAMES)
@pytest.mark.parametrize("kind", ["series", "panel"])
def test_names_and_attributes(kind, horizon, known, names):
    """Each name is its column and how far before the predicted row it lies."""
    X, params = (frame_of(24), {}) if kind == "series" else (panel_of(), PANEL)
    sliding_window = SlidingWindow(2, horizon=horizon, known=known, **params).fit(X)
    assert sliding_window.get_feature_names_out().tolist() == names.split()
    lag = 0 if len(known) == 2 else horizon
    assert sliding_window.lag_ == lag
    assert sliding_window.feature_names_in_.tolist() == X.columns.tolist()
    assert sliding_window.is_known_.tolist() == ["load" in known, "temp" in known]
    newest = X.groupby("g" if kind == "panel" else X["load"] * 0).tail(1 + lag)
    np.testing.assert_array_equal(sliding_window.context_, newest[["load", "temp"]])
    if known == "temp":
        found = sliding_window.set_params(known_ahead=1).get_feature_names_out()
        assert found.tolist() == ["load_t-2", "temp_t", "load_t-1", "temp_t+1"]
    sliding_window.set_params(known=(), groups=None, time=None, known_ahead=0)
    sliding_window.fit(np.arange(10.0).reshape(-1, 1))
    assert not hasattr(sliding_window, "feature_names_in_")
    assert sliding_window.get_feature_names_out()[-1].startswith("x0_t")


@pytest.mark.parametrize("layout", ["sequence", "flat"])
def test_pandas_output_is_shift_under_its_own_name(layout):
    """``set_output`` gives the lag table with names and index, whatever the layout."""
    X = hourly(20)
    sliding_window = SlidingWindow(3, layout=layout)
    assert sliding_window.set_output(transform="pandas") is sliding_window
    expected = pd.concat(
        {f"{name}_t-{k}": X[name].shift(k) for k in (3, 2, 1) for name in X}, axis=1
    )
    for fitted in (sliding_window, clone(sliding_window), sliding_window.set_output()):
        pd.testing.assert_frame_equal(fitted.fit_transform(X), expected)
        later = fitted.fit(X[:12]).transform(X[12:])
        pd.testing.assert_frame_equal(later, expected[12:], check_freq=False)
    table = sliding_window.fit_transform(X.to_numpy())
    assert table.columns[0] == "x0_t-3" and table.index.equals(pd.RangeIndex(20))
    sliding_window.set_output(transform="default")
    with config_context(transform_output="pandas"):
        assert isinstance(sliding_window.fit_transform(X), np.ndarray)
    with pytest.raises(ValueError, match=r"'default', 'pandas' or None\. Got 'x'"):
        sliding_window.set_output(transform="x")


@pytest.mark.parametrize("kind", ["series", "panel"])
def test_flat_windows_and_the_global_output(kind):
    """A lag table holds the windows step by step; only tables become frames."""
    X, params = (frame_of(24), {}) if kind == "series" else (panel_of(), PANEL)
    X = X.set_axis(X.index[::-1] + 5) if kind == "panel" else X
    windows = SlidingWindow(3, **params)
    expected = np.asarray(windows.fit_transform(X))
    flat = clone(windows).set_params(layout="flat")
    np.testing.assert_array_equal(flat.fit_transform(X), expected.reshape(24, 6))
    with config_context(transform_output="pandas"):
        assert windows.fit_transform(X).shape == (24, 3, 2)
        table = flat.fit_transform(X)
    assert table.index.equals(X.index) and table.columns[-1] == "temp_t-1"
    np.testing.assert_array_equal(table, expected.reshape(24, 6))


# -- warnings -------------------------------------------------------------------------


def renumbered(X):
    return X.reset_index(drop=True)


LOST = {
    "arrays": (np.asarray, np.asarray, "X has no index.*first 4 windows.*set_output"),
    "array": (pd.DataFrame, np.asarray, "X has no index.*first 4 windows.*set_output"),
    "other labels": (pd.DataFrame, renumbered, "a RangeIndex where fit had a Datetime"),
    "periods": (pd.DataFrame, lambda X: X.to_period("h"), "a PeriodIndex where fit h"),
    "renumbered": (renumbered, renumbered, r"starts where that .*first 4.*range\(20, "),
    "hole": (lambda X: renumbered(X).drop(index=5), renumbered, "starts where that of"),
}


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize(("fitted", "new", "words"), LOST.values(), ids=LOST)
def test_rows_whose_past_cannot_be_told_warn(fitted, new, words):
    """The cost and the cure are named, at the line that called ``transform``."""
    X = hourly(30)
    sliding_window = SlidingWindow(3, horizon=2).fit(fitted(X[:20]))
    with pytest.warns(UserWarning, match=words) as found:
        windows = sliding_window.transform(new(X[20:]))
    assert found[-1].filename == __file__
    expected = SlidingWindow(3, horizon=2).fit_transform(X[20:].to_numpy())
    np.testing.assert_array_equal(windows, expected)


SECONDS = np.random.default_rng(1).integers(1, 100_000, size=9).cumsum()
NOT_COUNTED = [
    *(pd.Index(each) for each in (list("abcdefghi"), np.arange(9.0), [*range(8), "a"])),
    pd.timedelta_range("0h", periods=9, freq="h"),
    pd.MultiIndex.from_product([["a"], range(9)]),
    START + pd.to_timedelta(SECONDS, "s"),
]


@pytest.mark.parametrize("labels", NOT_COUNTED, ids=lambda labels: str(labels.dtype))
def test_labels_that_count_nothing_warn_in_fit(labels):
    """They are told once: labels of another kind, and irregular ones.

    Each row then follows the one before.
    """
    X = frame_of(9, labels)
    words = f"{type(labels).__name__} .*does not count rows.*use a DatetimeIndex"
    if isinstance(labels, pd.DatetimeIndex):
        words = "no common step.*follow the one before"
    with pytest.warns(UserWarning, match=words) as found:
        sliding_window = SlidingWindow(3).fit(X.iloc[:6])
    assert found[0].filename == __file__ and len(found) == 1
    expected = SlidingWindow(3).fit_transform(X.to_numpy())[6:]
    if sliding_window.grid_ is None:
        expected = SlidingWindow(3).fit_transform(X.iloc[6:].to_numpy())
    np.testing.assert_array_equal(sliding_window.transform(X.iloc[6:]), expected)


def test_numbers_too_coarse_for_a_column_are_told():
    """float32 stays float32, and the column that it cannot hold is named."""
    X = np.column_stack([np.arange(50.0), 1e9 + np.arange(50), np.full(50, 1e9)])
    assert SlidingWindow(3).fit_transform(X)[3, 1, 1] == 1e9 + 1
    with pytest.warns(UserWarning, match=r"float32.* column 1:.*1e\+09. Pass float64"):
        assert SlidingWindow(3).fit_transform(np.float32(X)).dtype == np.float32


@pytest.fixture(scope="module")
def walk():
    """Return a random walk and the day of the week."""
    values = 50 + np.random.default_rng(0).normal(size=60).cumsum()
    index = pd.date_range("2024-01-01", periods=60)
    return pd.DataFrame({"load": values, "day": np.arange(60) % 7.0}, index=index)


@pytest.mark.parametrize("kind", ["series", "panel"])
@pytest.mark.parametrize(
    ("make", "params", "words"),
    [
        (lambda y: y.shift(-1), {}, "'load' and is that column one row later"),
        (lambda y: y.shift(1), {}, "'load' and is that column one row before"),
        (lambda y: y, {"known": "load"}, "shows its own target, column 'load'"),
        (lambda y: y, {"horizon": 0}, "shows its own target, column 'load'"),
        (lambda y: (y * 0 + np.random.default_rng(1).normal(size=60)).rename("z"), {},
         r"No column of X holds the past of y \('z'\)"),
        (lambda y: y.rename("z"), {"known": ["load", "day"]}, "No column of X holds"),
    ],
)  # fmt: skip
def test_targets_at_the_wrong_place_are_told(make, params, words, walk, kind):
    """A y that was shifted, is known, or whose past X lacks is named in fit."""
    X, y = walk, make(walk["load"])
    if kind == "panel":
        y = pd.concat([y, y], ignore_index=True)
        X = pd.concat([X.assign(g=g, t=X.index) for g in "ab"], ignore_index=True)
        X = X.sample(frac=1, random_state=0)
        y, params = y[X.index], params | PANEL
    with pytest.warns(UserWarning, match=words):
        SlidingWindow(4, **params).fit(X, y)


FINE = {
    "itself": (lambda y: y, 1),
    "another unit": (lambda y: 3 * y + 2, 1),
    "logarithm": (lambda y: np.log(y).rename("log load"), 1),
    "mean": (lambda y: y.rolling(3).mean(), 1),
    "constant": (lambda y: y * 0, 1),
    "array": (lambda y: y.to_numpy()[::-1], 1),
    "shifted by hand": (lambda y: y.shift(-1), 0),
    "shifted under a name": (lambda y: y.shift(-1).rename("next"), 0),
    "another": (lambda y: (y % 3).rename("other"), 0),
}


@pytest.mark.parametrize(("make", "horizon"), FINE.values(), ids=FINE)
def test_targets_that_are_fine_are_not_told(make, horizon, walk):
    """The series, other maps of it and, at horizon 0, any target give no warning."""
    SlidingWindow(4, horizon=horizon).fit(walk, make(walk["load"]))


# -- errors ---------------------------------------------------------------------------


def broken(value, dtype=float):
    X = hourly(20).astype({"temp": dtype})
    X.iloc[7, 1] = value
    return X


@pytest.mark.parametrize("call", ["fit", "transform", "partial_fit"])
@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e301])
def test_values_that_are_not_finite_are_named(value, call):
    """The first value that is too large is named by row and column."""
    X = broken(value)
    sliding_window = SlidingWindow(3).fit(frame_of(10, X.index[:10]))
    words = re.escape(f"{value:.3g} in row ") + ".*2024-03-30 07:00.*, column 'temp'"
    with pytest.raises(ValueError, match=words):
        getattr(sliding_window, call)(X)
    with pytest.raises(ValueError, match="in row 7, column 1"):
        SlidingWindow().fit(X.to_numpy())


NO_NUMBERS = [
    (["a", "b", "c"], "str.*encode it as numbers, or drop it.*groups="),
    (pd.Categorical([1, 2, 3]), "category; encode"),
    (pd.to_datetime(["2024", "2025", "2026"]), r"datetime64.*\(set_index\), or n"),
    (pd.to_timedelta([1, 2, 3]), "timedelta64"),
    (pd.period_range("2024", periods=3, freq="M"), "period.*or name it in time="),
]


@pytest.mark.parametrize(("column", "words"), NO_NUMBERS)
def test_columns_that_are_not_numbers_are_named(column, words):
    """Strings, categories and dates are refused by name, and where they belong."""
    X = pd.DataFrame({"load": [1.0, 2.0, 3.0], "what": column})
    for rows, params in ((X, {}), (X.assign(g=1, t=range(3)), PANEL)):
        with pytest.raises(ValueError, match=f"numeric columns.*'what' of .*{words}"):
            SlidingWindow(1, **params).fit(rows)


@pytest.mark.parametrize("cell", ["?", "", [1, 2], time(3), 10**400])
def test_cells_that_are_no_numbers_are_named(cell):
    """The first such cell is named, and what turns it into a missing value."""
    X = pd.DataFrame({"load": 1.0, "what": pd.Series([0.5, cell, 1.5], dtype=object)})
    with pytest.raises(ValueError, match=r"in row 1, column 'what'.*pd\.to_numeric"):
        SlidingWindow(1).fit(X)


def test_a_mask_means_missing():
    """Masked values of an array are filled like NaN."""
    values = np.arange(12.0).reshape(-1, 1)
    masked = np.ma.masked_equal(values, 5.0)
    filled = SlidingWindow(2).fit_transform(np.where(values == 5, np.nan, values))
    np.testing.assert_array_equal(SlidingWindow(2).fit_transform(masked), filled)


@pytest.mark.parametrize("window", [10**8, 10**12])
def test_windows_that_cannot_fit_X_are_refused_at_once(window):
    """Before anything is allocated, with the memory that it would take."""
    with pytest.raises(ValueError, match=rf"window={window} .*GB; choose a shorter"):
        SlidingWindow(window).fit(pd.DataFrame({"load": range(60)}))


DAY = pd.DatetimeIndex(["2024-05-01", "2024-06-01"])
NO_TABLES = {
    "no rows": (np.empty((0, 2)), "0 sample"),
    "no series rows": (pd.Series([], dtype=float, name="load"), "0 sample"),
    "complex": (pd.DataFrame({"a": [1j, 2j]}), "'a' of dtype complex128"),
    "a complex array": (np.array([[1j], [2j]]), r"X\. Got .*Complex data not sup"),
    "None": (None, "as X. Got NoneType"),
    "text": ("rows", "as X. Got str"),
    "a dict": ({"a": [1.0, 2.0]}, "as X. Got dict"),
    "a number": (3.5, "as X. Got float"),
    "one dimension": (np.arange(3.0), r"shape \(3,\).*Reshape your data"),
    "large integers": ([[10**400], [1]], "as X. Got list .int too large"),
    "lists in cells": (pd.DataFrame({"a": [[1], [2]]}), r"'\[1\]', a list, in row 0"),
    "strings": (np.array([["a"], ["b"]]), "numeric|convert"),
    "dates": (np.array([["2024"], ["2025"]], dtype="datetime64[D]"), "X.*dates or"),
    "duplicate": (frame_of(2, [1, 1]), r"Got 1 more than once.*groupby\(level=0\)"),
    "day twice": (frame_of(2, DAY[[0, 0]]), r"2024-05-01.*more than once.*\)\.$"),
    "out of order": (frame_of(2, [2, 1]), r"in time order.* 1 after 2 .*sort_index"),
    "periods": (frame_of(2, DAY.to_period("M")[::-1]), "2024-05 after 2024-06"),
    "no time": (frame_of(2, [DAY[0], pd.NaT]), "NaT or NaN in row 1 of the index"),
    "no number": (frame_of(2, pd.array([1, None])), "NaT or NaN in row 1 of the index"),
    "uint64": (frame_of(2, np.array([1, 2**63 + 1], "uint64")), r"up to 2.*775809"),
    "no value": (frame_of(3).assign(b=np.nan), "value in every column.*column 'b'"),
    "too short": (frame_of(1), r"at least horizon \+ 1 = 2 rows.*Got 1 sample"),
    "one stamp": (hourly(1), r"at least horizon \+ 1 = 2 rows"),
}


@pytest.mark.parametrize("call", ["fit", "fit_transform", "partial_fit"])
@pytest.mark.parametrize(("X", "words"), NO_TABLES.values(), ids=NO_TABLES)
def test_tables_that_are_none_are_refused(X, words, call):
    """Everything but a table of numbers in time order leaves nothing fitted."""
    sliding_window = SlidingWindow(1)
    with pytest.raises((ValueError, TypeError), match=words) as caught:
        getattr(sliding_window, call)(X)
    assert "\n" not in str(caught.value)
    assert vars(sliding_window) == sliding_window.get_params()
    with pytest.raises(NotFittedError):
        sliding_window.transform(frame_of())
    with pytest.raises(NotFittedError):
        sliding_window.get_feature_names_out()


def test_one_row_is_enough_where_a_window_ends_on_it():
    """A stamp without a ``freq``, or one for each group, tells no step."""
    X = frame_of(1, pd.DatetimeIndex(["2024-01-01"]))
    np.testing.assert_array_equal(SlidingWindow(1, horizon=0).fit(X).transform(X)[0], X)
    X = panel_of(1).assign(t=pd.Timestamp("2024-01-01"))
    windows = SlidingWindow(1, horizon=0, **PANEL).fit_transform(X)
    np.testing.assert_array_equal(windows[:, 0], X[["load", "temp"]])
    with pytest.raises(ValueError, match=r"one row has a past\. Got 1 row"):
        SlidingWindow(1, **PANEL).fit(X)


LONG_FRAMES = {
    "duplicate": (lambda X: X.iloc[[*range(12), 11, *range(24)]],
                  "one row per group and time. Got 13 more: .* of group 'a'"),
    "no group": (lambda X: X.assign(g=X["g"].where(X["t"] > 1)), "NaN in row .*'g'"),
    "no time": (lambda X: X.assign(t=X["t"].astype("Int64").where(X["t"] != 1)),
                "a time for every row. Got NaT or NaN in row 1"),
    "no column": (lambda X: X.drop(columns="t"), r"Got no column 't' in \['load', "),
    "level": (lambda X: X.set_index("g"), r"index level 'g'; call reset_index\(\)"),
    "twice": (lambda X: pd.concat([X, X["g"]], axis=1), "Got 2 column 'g'"),
    "array": (np.asarray, "X as a DataFrame.*Got ndarray"),
    "text": (lambda X: X.astype({"t": str}), r"column 't' of X; call pd\.to_datetime"),
    "float": (lambda X: X.astype({"t": float}), "Got float64 in column 't' of X"),
    "mixed": (lambda X: X.assign(g=[pd.Timestamp("2024"), *X["g"][1:]]), "of one type"),
    "empty": (lambda X: X[["g", "t"]], "needs columns|missing:"),
    "no numbers": (lambda X: X.assign(load="x"), "numeric columns. Got column 'load'"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "words"), LONG_FRAMES.values(), ids=LONG_FRAMES)
def test_long_frames_that_are_none_are_refused(make, words):
    """A long frame has one row per group and time, and columns for both."""
    X = make(panel_of())
    panel = SlidingWindow(2, **PANEL).fit(panel_of())
    for call in (SlidingWindow(2, **PANEL).fit, panel.transform, panel.partial_fit):
        with pytest.raises(ValueError, match=words):
            call(X)


def test_labels_must_be_comparable_with_those_of_fit():
    """Another kind of time, another zone, another frequency of periods."""
    X = panel_of()
    other = X.assign(t=LABELS["hours"](X["t"].to_numpy()))
    panel = SlidingWindow(2, **PANEL).fit(X)
    with pytest.raises(ValueError, match=r"that fit had, int64\. Got dateti"):
        panel.transform(other)
    with pytest.raises(ValueError, match="name the columns of groups, or drop"):
        SlidingWindow(2, time="t").fit(X.drop(columns="g"))
    for known in ("g", 0):
        with pytest.raises(ValueError, match=r"'known' .*must name columns of X"):
            SlidingWindow(2, known=known, **PANEL).fit(X)
    hours, days = hourly(9), frame_of(9, pd.period_range("2024", periods=9, freq="D"))
    utc, months = hours.tz_localize("UTC"), days.set_axis(days.index.asfreq("M"))
    for rows, later, words in (
        (utc, hours, "in zone None after a fit on .* in zone UTC"),
        (hours, utc, "one time zone"),
        (days, months[:1], "periods of 'M' after a fit on periods of 'D'"),
    ):
        with pytest.raises(ValueError, match=words):
            SlidingWindow(2).fit(rows).transform(later)


def test_columns_must_be_those_of_fit():
    """Another order, another number and other names of columns are refused."""
    X = frame_of()
    sliding_window = SlidingWindow(3).fit(X)
    for rows, words in (
        (X[["temp", "load"]], "must be in the same order"),
        (X[["load"]], "missing"),
        (X.assign(price=1.0), "unseen at fit time"),
    ):
        with pytest.raises(ValueError, match=words):
            sliding_window.transform(rows)
    numbered = SlidingWindow(3).fit(X.set_axis([1, 0], axis=1))
    with pytest.raises(ValueError, match=r"needs the columns of fit, \[1, 0\]"):
        numbered.transform(X.set_axis([0, 1], axis=1))


BAD_VALUES = [
    *(("window", value) for value in (0, -3, 2.0, "3", None, True)),
    *(("horizon", value) for value in (-1, 0.5, None, False)),
    *(("known", value) for value in (None, -1, True, 1.5, "price", ["x"], [["a"]])),
    *(("known_ahead", value) for value in (-1, 0.5, 1, 10)),
    *(("calendar", value) for value in ("moon", 3)),
    *(("groups", 1.5), ("time", 1.5), ("layout", "wide"), ("layout", None)),
]


@pytest.mark.parametrize(("name", "value"), BAD_VALUES)
def test_bad_parameter_values_are_refused(name, value):
    """A value that is none is named, and leaves an earlier fit as it was."""
    X = hourly(20)
    sliding_window = SlidingWindow().fit(X)
    before = dict(vars(sliding_window))
    came = re.escape(str(value).strip("[]"))
    words = f"The '{name}' parameter of SlidingWindow .*{came}"
    with pytest.raises(ValueError, match=words):
        sliding_window.set_params(**{name: value}).fit(X)
    sliding_window.set_params(**{name: before[name]})
    assert all(vars(sliding_window)[each] is before[each] for each in before)
    bad = SlidingWindow(**{name: value})
    assert getattr(bad, name) is value and vars(bad) == bad.get_params()


@pytest.mark.parametrize(
    ("name", "value"), [("window", 9), ("horizon", 2), ("known_ahead", 2)]
)
def test_parameters_set_after_fit_are_refused(name, value):
    """Windows of another kind than that of fit would be read as its own."""
    X = frame_of(20, pd.date_range("2024-01-01", periods=20, freq="h"))
    fitted = SlidingWindow(3, known="temp").fit(X[:15]).set_params(**{name: value})
    for call in (fitted.transform, fitted.partial_fit):
        with pytest.raises(ValueError, match=rf"Got {name}={value} after a fit with"):
            call(X[15:])
    assert len(fitted.set_params(known_ahead=0).fit(X).transform(X)) == 20


def test_y_must_have_the_labels_of_X():
    """A y that was shifted or reordered is refused; row numbers are no labels."""
    X = hourly(20).tz_localize("Europe/Berlin")
    y = X["load"]
    for other in (y[1:], y[::-1], y.shift(1, freq="h"), y.tz_convert(None)):
        with pytest.raises(ValueError, match=r"y at the index of X.*do not shift"):
            SlidingWindow(3).fit(X, other)
    assert SlidingWindow(3).fit(X, y.tz_convert("UTC")).target_names_ == ["load"]
    assert SlidingWindow(3).fit(X, X).target_names_ == ["load", "temp"]
    for other in (y.to_numpy(), y.reset_index(drop=True)):
        assert SlidingWindow(3).fit(X, other).target_names_ is None
    with pytest.raises(ValueError, match="Got 0 in y where X has 5"):
        SlidingWindow(3).fit(X.set_axis(range(5, 25)), y.reset_index(drop=True))


# -- scikit-learn and learning --------------------------------------------------------

_ROWS_BEFORE = "a window depends on the rows before it"


@pytest.mark.filterwarnings("ignore:X has no index:UserWarning")
@parametrize_with_checks(
    [
        SlidingWindow(window, layout=layout, **params)
        for layout in ("sequence", "flat")
        for window, params in (
            (1, {}),
            (3, {"horizon": 0}),
            (4, {"horizon": 2}),
            (3, {"known": 0}),
            (4, {"known": [0], "known_ahead": 2, "horizon": 2}),
            (30, {}),
        )
    ],
    expected_failed_checks=lambda estimator: {
        "check_methods_sample_order_invariance": _ROWS_BEFORE,
        "check_methods_subset_invariance": _ROWS_BEFORE,
    },
)
def test_scikit_learn_checks(estimator, check):
    """Every check of scikit-learn passes but the two that forbid memory."""
    check(estimator)


@pytest.mark.parametrize("is_long", [True, False])
def test_a_pipeline_whose_fit_failed_refuses_to_predict(is_long):
    """Its windows are of other rows than its regressor, until it is fitted again."""
    X, keys = hourly(40)[["load"]], {}
    if is_long:
        X, keys = X.rename_axis("hour").reset_index(), {"time": "hour"}
    pipe = make_pipeline(SlidingWindow(3, **keys), LSTMRegressor(2, epochs=1))
    pipe.fit(X[:30], X["load"][:30])
    with pytest.raises(ValueError, match="y contains NaN"):
        pipe.fit(X[5:35], X["load"][5:35] * np.nan)
    with pytest.raises(ValueError, match="Got a pipeline whose last fit failed"):
        pipe.predict(X[35:])
    windows = pipe[0].fit_transform(X[:30])
    with pytest.raises(ValueError, match="y contains NaN"):
        pipe[1].fit(windows, X["load"][:30] * np.nan)
    pipe[1].fit(windows, X["load"][:30])
    assert len(pipe.predict(X[30:])) == 10
