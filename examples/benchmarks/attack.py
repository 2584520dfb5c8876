"""
What is wrong, silent or breaks
===============================

Prints a table of what was tried and what came of it, each part in a process of its own:

- *look-ahead*: values after a row are changed, made NaN or cut off; predictions up to
  it must be the same bits;
- *forward passes*: an LSTM written out below, against what ``predict`` returns;
- *mutated files*: saved pipelines with flipped bits, other numbers, other arrays;
- *hostile files*: those that ``tests/test_storage.py`` makes by hand;
- *bad inputs*: to every public function and parameter, from ``_bad_inputs.py``;
- *kills*: a process that saves is killed; the file must be the old or the new one;
- *interrupts*: Ctrl-C in ``fit`` keeps what was learned, a fork does not hang.

*Right* is what it should be, or harmless; *one sentence* an error or a warning of our
own in one line, or scikit-learn's, of what was passed; *foreign* any other error;
*silent* what is wrong, or should have been refused. A case of more than a minute, and a
crash, is a *hang*.

Run: ``python attack.py [--quick] [--part NAME]``, which takes some minutes.
"""

# %%
import argparse
import ast
import faulthandler
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections import Counter
from functools import cache
from itertools import islice
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np
import pandas as pd
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

import sklstm
from sklstm import LSTMRegressor, SlidingWindow, backtest

CLASSES = ("right", "one sentence", "foreign", "silent", "hang")
SECONDS = 60
TESTS = Path(__file__).parents[2] / "tests"


# %%
# What came of a case
class Hang(BaseException):
    """More than the seconds of a case went by."""


@cache
def raises_of(path):
    """Return the lines of a file that belong to ``raise``."""
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    lines = [node for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    return {n for each in lines for n in range(each.lineno, each.end_lineno + 1)}


# scikit-learn's own sentences, which name the parameter or the argument.
STANDARD = (
    r"The '\w+' parameter of|Found array with|Found input variables|Input \w+ contains|"
    r"Input contains|The feature names should|X has \d+|Feature names are|This \w+ inst"
    r"ance is not fitted|Sample weights|sample_weight|Negative values|Input should have"
)


def is_ours(error):
    """Return whether an error is one sentence of ours, or a standard one."""
    text = str(error)
    if isinstance(error, OSError) and error.filename:
        return "\n" not in text  # Python's, which names the file
    frame = traceback.extract_tb(error.__traceback__)[-1]
    is_own = Path(sklstm.__file__).parent in Path(frame.filename).parents
    if is_own and frame.lineno not in raises_of(frame.filename):
        return False
    is_standard = "sklearn" in frame.filename and re.match(STANDARD, text)
    if not is_own and not is_standard:
        return False
    # The names that a table lacks stand in lines of their own, as its checks ask.
    is_line = "\n" not in text or text.startswith("The feature names should")
    return is_line and 0 < len(text) < 1000


def numbers_in(value):
    """Return the numbers that a call returned, none where they are no numbers."""
    if isinstance(value, pd.DataFrame):
        value = value.select_dtypes("number").to_numpy()
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError, AttributeError):
        return np.zeros(0)


def came_of(call, expected):
    """Return the class of a call, and what it said."""

    def give_up(*_):
        raise Hang

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(SECONDS)
    faulthandler.dump_traceback_later(2 * SECONDS, exit=True, file=sys.stderr)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            value = call()
        told = [w for w in caught if issubclass(w.category, UserWarning)]
        others = [w for w in caught if issubclass(w.category, RuntimeWarning)]
        numbers = numbers_in(value)
        is_bad = np.isinf(numbers).any()
        is_bad |= numbers.ndim == 1 and np.isnan(numbers).any()  # a prediction
        if is_bad or others:
            said = [str(each.message) for each in others]
            return "silent", f"not finite, or warned of: {said}"
        if told:
            return "one sentence", str(told[0].message)
        return "silent" if expected == "refused" else "right", repr(value)[:200]
    except Hang:
        return "hang", ""
    except AssertionError as error:  # what came is not what is right
        return "silent", str(error)
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        return "one sentence" if is_ours(error) else "foreign", said
    finally:
        signal.alarm(0)
        faulthandler.cancel_dump_traceback_later()


# %%
# Look-ahead
def table(n_rows=160):
    """Return rows of a load, a heat that is lagged and a price that is known."""
    rng = np.random.default_rng(0)
    index = pd.date_range("2024-01-01", periods=n_rows, freq="D", name="day")
    values = 50 + rng.normal(size=(n_rows, 3)).cumsum(axis=0)
    return pd.DataFrame(values, index, ["load", "heat", "price"])


def with_holes(X):
    """Return rows of which some are lost, and some hold NaN."""
    rng = np.random.default_rng(1)
    X = X[(rng.random(len(X)) > 0.1) | (np.arange(len(X)) < 5)].copy()
    hole = rng.random(X.shape) < 0.1
    hole[:5], hole[:, 2] = False, False
    return X.mask(hole)


def panel(X):
    """Return a long frame of three groups, rows in any order."""
    parts = [
        (X.iloc[first:] * size).assign(store=store).reset_index()
        for store, first, size in (("a", 0, 1.0), ("b", 20, 100.0), ("c", 60, 0.01))
    ]
    return pd.concat(parts, ignore_index=True).sample(frac=1, random_state=0)


def pipelines():
    """Yield (name, table, unfitted pipeline, horizon, known_ahead)."""

    def lstm(**own):
        return LSTMRegressor(**{"units": 3, "epochs": 2, "random_state": 0} | own)

    X, keys = table(), {"groups": "store", "time": "day"}
    windows = {
        "plain": {},
        "horizon 3": {"horizon": 3},
        "known": {"known": "price"},
        "known, ahead": {"known": "price", "known_ahead": 2},
        "calendar": {"calendar": ["weekday", "month"]},
        "calendar, ahead": {"calendar": "auto", "known_ahead": 2},
        "known, horizon 2": {"known": ["price"], "horizon": 2, "calendar": "day"},
    }
    tables = {"": (X, {}), "holes": (with_holes(X), {}), "panel": (panel(X), keys)}
    for name, own in windows.items():
        for kind, (rows, more) in tables.items():
            steps = 1 + own.get("known_ahead", 0)
            window = SlidingWindow(8, **own, **more)
            yield f"{name}, {kind}", rows, make_pipeline(window, lstm(steps=steps)), own
    regressors = {
        "log": {"scaling": "log"},
        "standard": {"scaling": "standard"},
        "unscaled": {"scaling": None},
        "no highway": {"highway": False},
        "deep": {"units": (3, 2), "bidirectional": True, "patch": 2},
        "quantiles": {"quantiles": (0.1, 0.5, 0.9), "steps": 2},
        "ensemble": {"n_models": 2, "activation": "relu", "n_jobs": 2},
    }
    for name, own in regressors.items():
        for kind, (rows, more) in tables.items():
            pipe = make_pipeline(SlidingWindow(8, **more), lstm(**own))
            yield f"{name}, {kind}", rows, pipe, {}
    scaler = StandardScaler().set_output(transform="pandas")
    yield "scaled", X, make_pipeline(scaler, SlidingWindow(8), lstm()), {}
    for learner in (LinearRegression(), DecisionTreeRegressor(random_state=0)):
        flat = SlidingWindow(8, layout="flat", known="price")
        pipe = make_pipeline(flat, SimpleImputer(), learner)
        yield f"{learner}", X, pipe, {"known": "price"}


def changed(X, days, day, own, change):
    """Return rows of which a prediction of a day may read nothing that is other."""
    rng = np.random.default_rng(2)
    since = day - pd.Timedelta(days=own.get("horizon", 1) - 1)
    until = day + pd.Timedelta(days=own.get("known_ahead", 0))
    Z = X.copy()
    for name in ("load", "heat", "price"):
        is_known = name in own.get("known", "")
        after = np.asarray(days > until if is_known else days >= since)
        noise = 1e3 * rng.random(after.sum()) + 1
        Z.loc[after, name] = np.nan if change == "NaN" else noise
    return Z[np.asarray(days <= until)] if change == "cut" else Z


def look_ahead(quick):
    """Yield the class of every comparison."""
    for name, X, pipe, own in pipelines():
        days = X["day"] if "day" in X else X.index
        stamps = np.sort(days.unique())
        first = np.asarray(days < stamps[100])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pipe.fit(X[first], X.loc[first, "load"].ffill())
            method = getattr(pipe[-1], "predict_steps", pipe[-1].predict)
            before = method(pipe[:-1].transform(X))
            for day in stamps[6 :: 40 if quick else 12]:
                is_until = np.asarray(days <= day)
                for change in ("noise", "NaN", "cut"):
                    Z = changed(X, days, day, own, change)
                    after = method(pipe[:-1].transform(Z))
                    # Linear algebra rounds by the number of rows that are left.
                    is_cut = change == "cut"
                    kept = is_until[np.isin(X.index, Z.index)] if is_cut else is_until
                    is_same = np.allclose if is_cut else np.array_equal
                    is_lstm = isinstance(pipe[-1], LSTMRegressor)
                    more = {"rtol": 1e-12 if is_lstm else 1e-5} if is_cut else {}
                    is_same = is_same(before[is_until], after[kept], **more)
                    yield "right" if is_same else "silent", f"{name}, {day}, {change}"
    yield from look_ahead_of_backtests(quick)


def look_ahead_of_backtests(quick):
    """Yield the class of forecasts from origins, whose later values are changed."""
    for name, X, pipe, own in pipelines():
        if own or "day" in X or not isinstance(pipe[-1], LSTMRegressor):
            continue
        cv = TimeSeriesSplit(2, test_size=12)

        def forecasts(Z, pipe=pipe, cv=cv):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made = backtest(pipe, Z, Z["load"], cv=cv, steps=pipe[-1].steps)
            return made.predictions

        X = X.assign(load=X["load"].ffill())
        before = forecasts(X)
        for origin in X.index[-20 :: 10 if quick else 3]:
            Z = X.copy()
            Z[X.index > origin] *= 3
            both = [
                f.loc[f["origin"] <= origin, "y_pred"] for f in (before, forecasts(Z))
            ]
            is_same = np.array_equal(*both)
            yield "right" if is_same else "silent", f"backtest, {name}, {origin}"


# %%
# Forward passes
def lstm_by_hand(windows, weights, patch, directions, activation):
    """Return the outputs of an LSTM, step by step and row by row, in float64."""
    activate = np.tanh if activation == "tanh" else lambda x: np.maximum(x, 0)

    def gate(x):
        return 1 / (1 + np.exp(-x))

    outputs = []
    for window in np.asarray(windows, dtype=np.float64):
        n_steps = len(window) // patch
        sequence = window[len(window) - n_steps * patch :].reshape(n_steps, -1)
        is_missing = np.isnan(sequence).any(axis=1)
        sequence = np.where(is_missing[:, None], 0, sequence)
        left = [np.asarray(each, dtype=np.float64) for each in weights]
        while len(left) > 2:
            read, last = [], []
            for way in (1, -1)[:directions]:
                kernel, recurrent, bias, left = *left[:3], left[3:]
                h = c = np.zeros(len(recurrent))
                states = np.zeros((n_steps, len(h)))
                for step in range(n_steps)[::way]:
                    if not is_missing[step]:
                        z = sequence[step] @ kernel + h @ recurrent + bias
                        i, f, g, o = np.split(z, 4)
                        c = gate(f) * c + gate(i) * activate(g)
                        h = gate(o) * activate(c)
                    states[step] = h
                read.append(states)
                last.append(h)
            sequence = np.hstack(read)
        outputs.append(np.concatenate(last) @ left[0] + left[1])
    return np.array(outputs)


def forward_passes(quick):
    """Yield the class of every pass."""
    rng = np.random.default_rng(0)
    for _ in range(60 if quick else 600):
        window, n_channels = int(rng.integers(1, 24)), int(rng.integers(1, 5))
        n_rows, patch = (
            int(rng.integers(4, 40)),
            int(rng.integers(1, min(window, 4) + 1)),
        )
        units = tuple(int(u) for u in rng.integers(1, 20, size=rng.integers(1, 4)))
        own = {"patch": patch, "bidirectional": bool(rng.integers(2)), "units": units}
        own["activation"] = ["tanh", "relu"][rng.integers(2)]
        X = rng.normal(size=(n_rows, window, n_channels)).astype(np.float32)
        for row, n_missing in enumerate(rng.integers(-window, window, size=n_rows)):
            X[row, : max(n_missing, 0)] = np.nan
        y = rng.normal(size=(n_rows, rng.integers(1, 9)))
        how = {"highway": False, "scaling": None, "early_stopping": False, "epochs": 2}
        seeds = {"random_state": 0, "n_jobs": int(rng.integers(1, 3))}
        regressor = LSTMRegressor(**own, **how, **seeds, learning_rate=0.05).fit(X, y)
        directions = 1 + own["bidirectional"]
        ours = regressor.predict_steps(X)
        theirs = lstm_by_hand(
            X, regressor.weights_, patch, directions, own["activation"]
        )
        error = np.max(np.abs(ours - theirs) / (1 + np.abs(theirs)))
        yield "right" if error < 1e-5 else "silent", f"{error:.1e}, {own}, {X.shape}"


# %%
# Files
def saved(folder):
    """Return the bytes of saved pipelines, with rows that they predict."""
    X, options = table(60), {"units": 2, "epochs": 1, "random_state": 0}
    X.index = pd.date_range("2024-03-30", periods=60, freq="h", tz="Europe/Berlin")
    long = pd.concat([X.assign(store=s, hour=X.index) for s in ("a", "b")])
    long = long.reset_index(drop=True)
    keys = {"groups": "store", "time": "hour"}
    quantiles = LSTMRegressor(**options, quantiles=(0.1, 0.5), steps=2)
    scaler = StandardScaler().set_output(transform="pandas")
    window = SlidingWindow(4, known="heat")
    pipes = {
        "series": (make_pipeline(scaler, window, LSTMRegressor(**options)), X),
        "panel": (make_pipeline(SlidingWindow(3, **keys), quantiles), long),
    }
    files = {}
    for name, (pipe, rows) in pipes.items():
        path = sklstm.save(pipe.fit(rows, rows["load"]), folder / name)
        files[name] = path.read_bytes(), rows
    return files


def storage_tests():
    """Return the module that makes files by hand."""
    sys.path.insert(0, str(TESTS))
    import test_storage

    return test_storage


def mutated(rng, content, forged):
    """Return a file that someone or something has changed."""
    kind = rng.integers(4)
    if kind == 0:
        altered = bytearray(content)
        for _ in range(rng.integers(1, 9)):
            altered[rng.integers(len(altered))] ^= 1 << int(rng.integers(8))
        return bytes(altered)
    if kind == 1:
        start, stop = np.sort(rng.integers(len(content), size=2))
        return content[:start] + content[stop:]

    def change(tree, files):
        if kind == 2:
            name = rng.choice([name for name in files if name.endswith(".npy")])
            array = bytearray(files[name])
            array[rng.integers(len(array))] ^= 1 << int(rng.integers(8))
            files[name] = bytes(array)
            return
        left, leaves = [tree], []
        while left:
            part = left.pop()
            parts = part.items() if isinstance(part, dict) else enumerate(part)
            for key, value in parts:
                is_inner = isinstance(value, dict | list)
                (left if is_inner else leaves).append(
                    value if is_inner else (part, key)
                )
        part, key = leaves[rng.integers(len(leaves))]
        values = ["-1", "1.5", "null", '"x"', "1e999", "99", -1, None, "", "numpy", []]
        part[key] = values[rng.integers(len(values))]

    return forged(content, change)


def load_and_predict(path, rows):
    """Load a file, and predict with what it holds; raise where that is not finite."""
    made = sklstm.load(path).predict(rows)
    if not np.isfinite(np.asarray(made, dtype=np.float64)).all():
        return np.array([np.inf])
    return made


def mutated_files(quick):
    """Yield the class of mutated files."""
    forged = storage_tests().forged
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "file"
        files = [*saved(Path(name)).values()]
        for number in range(200 if quick else 3000):
            content, rows = files[number % 2]
            path.write_bytes(mutated(rng, content, forged))
            yield came_of(lambda rows=rows: load_and_predict(path, rows), "either")


def hostile_files(quick):  # noqa: ARG001
    """Yield the class of files made by hand."""
    tests = storage_tests()
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "file"
        files = saved(Path(name))
        for attack, change in tests.ATTACKS.items():
            content, _ = files["series" if attack.startswith("a zone") else "panel"]
            path.write_bytes(tests.forged(content, change))
            kind, said = came_of(lambda: sklstm.load(path), "refused")
            if len(said) > 350:
                kind = "foreign"
            yield kind, f"{attack}: {said}"


def bad_inputs(quick, start=0):
    """Yield the class of bad inputs."""
    from _bad_inputs import cases
    from matplotlib import pyplot as plt

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        step = 5 if quick else 1
        for case in islice(cases(), start * step, None, step):
            kind, said = came_of(case.call, case.expected)
            plt.close("all")
            yield kind, f"{case.name}: {said}"


# %%
# Kills and interrupts
def kills(quick):
    """Yield the class of files whose writer was killed."""
    rng = np.random.default_rng(0)
    X = table(60)[["load"]]
    pipes = [
        make_pipeline(SlidingWindow(4), LSTMRegressor(u, epochs=1, random_state=0))
        for u in (2, 48)
    ]
    known = [pipe.fit(X, X["load"]).predict(X) for pipe in pipes]
    with tempfile.TemporaryDirectory() as name:
        path = sklstm.save(pipes[0], Path(name) / "file")
        for number in range(20 if quick else 200):
            child = os.fork()
            if child == 0:
                for turn in range(10**6):
                    sklstm.save(pipes[turn % 2], path)
            time.sleep(float(rng.uniform(0, 0.08)))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            made = sklstm.load(path).predict(X)
            is_one = any(np.array_equal(made, each) for each in known)
            yield "right" if is_one else "silent", f"kill {number}"


def interrupts(quick):
    """Yield the class of fits that are interrupted, and of one in a forked child."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20_000, 96, 1)).astype(np.float32), rng.normal(size=20_000)
    waits = []
    for number in range(8 if quick else 60):
        is_long = number % 4 == 0
        own = {"units": 64, "patch": 1} if is_long else {"units": 4, "n_models": 3}
        n_rows = len(X) if is_long else 200
        regressor = LSTMRegressor(
            **own, epochs=10**6, n_iter_no_change=10**6, n_jobs=1 + number % 2
        )
        sent = []

        def send(sent=sent):
            sent.append(time.perf_counter())
            os.kill(os.getpid(), signal.SIGINT)

        timer = threading.Timer(0.05 + 0.3 * rng.random(), send)
        timer.start()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                regressor.fit(X[:n_rows], y[:n_rows])
                made = regressor.predict(X[:9])
                is_right = np.isfinite(made).all() and "interrupted" in str(
                    caught[-1].message
                )
            except KeyboardInterrupt:  # before anything was learned
                is_right = not hasattr(regressor, "n_iter_")
        waits.append(time.perf_counter() - sent[0])
        timer.join()
        yield "right" if is_right else "silent", f"{own}, {max(waits):.3f} s at most"
    yield fork(X[:500], y[:500])
    print(f"Ctrl-C was heard within {max(waits):.2f} s", file=sys.stderr)


def fork(X, y):
    """Return the class of a fit in a child that was forked after a fit."""
    regressor = LSTMRegressor(8, epochs=2, n_jobs=2).fit(X, y)
    child = os.fork()
    if child == 0:
        regressor.fit(X, y).predict(X)
        os._exit(0)
    for _ in range(100 * SECONDS):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return "right" if status == 0 else "silent", "a fit in a forked child"
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "hang", "a fit in a forked child"


# %%
PARTS = {
    "look-ahead": look_ahead,
    "forward passes": forward_passes,
    "mutated files": mutated_files,
    "hostile files": hostile_files,
    "bad inputs": bad_inputs,
    "kills in save": kills,
    "interrupts and a fork": interrupts,
}


def counted(part, quick):
    """Return how many cases of a part came to each class; print those that are bad."""
    counts = Counter()
    start = 0
    while True:
        command = [sys.executable, __file__, "--part", part, "--start", str(start)]
        command += ["--quick"] if quick else []
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            for line in child.stdout:
                if not line.startswith("{"):
                    continue
                found = json.loads(line)
                counts[found["class"]] += 1
                start += 1
                if found["class"] not in CLASSES[:2]:
                    print(f"{part}: {found}", file=sys.stderr, flush=True)
        if child.returncode == 0:
            return counts
        # A crash is a case too; only cases of bad inputs can be gone on from.
        print(f"{part}: case {start} ended the process", file=sys.stderr)
        counts["hang"] += 1
        start += 1
        if part != "bad inputs":
            return counts


def main(quick):
    """Print the table."""
    print(f"| attack | tried | {' | '.join(CLASSES)} |")
    print(f"|---|{'---|' * (1 + len(CLASSES))}", flush=True)
    for part in PARTS:
        counts = counted(part, quick)
        numbers = [sum(counts.values()), *(counts[each] for each in CLASSES)]
        print(f"| {part} | {' | '.join(f'{n:,}' for n in numbers)} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--start", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part is None:
        main(given.quick)
    else:
        more = {"start": given.start} if given.part == "bad inputs" else {}
        for kind, words in PARTS[given.part](given.quick, **more):
            print(json.dumps({"class": kind, "what": words[:500]}), flush=True)
