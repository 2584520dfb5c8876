"""
How long a prediction takes
===========================

Times one warm prediction (window 24, 50 units) of LSTMRegressor, of the pipeline with
SlidingWindow in front of it, of the kernel alone, of ``keras.Model.predict`` and of a
direct call of the Keras model. Then 20,000 windows of 48 with 32 units: the kernel with
one and with two threads, next to the same network in NumPy
(``sklstm.network._lstm.forward``), all of them given scaled windows; and
``LSTMRegressor.predict``, which scales, too. Last, a fresh process that unpickles a
fitted pipeline and predicts, next to one that only imports scikit-learn and pandas.

Run: ``python predict_latency.py [--repeats 7]``.
"""

# %%
import argparse
import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

# Before NumPy loads it, so that OpenBLAS takes the best kernel of the processor.
os.environ.pop("OPENBLAS_CORETYPE", None)

import numpy as np
import pandas as pd
from _race import race, table
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from sklstm import LSTMRegressor, SlidingWindow
from sklstm.network._kernels import outputs
from sklstm.network._lstm import forward

WINDOW, UNITS = 24, 50
N_MANY, LONGER, FEWER = 20_000, 48, 32
PREDICT = """
import pickle, sys
with open(sys.argv[1], "rb") as file:
    pipe, X = pickle.load(file)
print(pipe.predict(X))
"""
IMPORT = "import pandas, sklearn.linear_model, sklearn.pipeline"


def many(run, times):
    """Return a function that runs another one several times."""

    def repeated():
        for _ in range(times):
            run()

    return repeated


def process(code, *arguments):
    """Run some code in a fresh process."""
    command = [sys.executable, "-c", code, *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def fitted_pipeline(window, units):
    """Return a pipeline that learned a little, and its series."""
    hours = pd.date_range("2026-01-01", periods=1000, freq="h")
    load = pd.DataFrame({"load": np.sin(np.arange(1000) / 9)}, index=hours)
    pipe = make_pipeline(
        SlidingWindow(window), LSTMRegressor(units, patch=1, epochs=2, random_state=0)
    )
    return pipe.fit(load[:-1], load["load"][:-1]), load


def network_of(regressor):
    """Return spec and weights of a fitted network, as the kernel takes them."""
    return regressor._fitted_recipe.spec, regressor.weights_


def one_window(pipe, load, repeats):
    """Print the table of one prediction."""
    regressor, row = pipe[-1], load[-1:]
    window = pipe[0].transform(row)
    spec, weights = network_of(regressor)
    scaled = np.ascontiguousarray(window, dtype=np.float32)
    model = regressor.model_
    runs = {
        "sklstm": lambda: regressor.predict(window),
        "sklstm, pipeline": lambda: pipe.predict(row),
        "the kernel alone": lambda: outputs(spec, weights, scaled),
        "Keras predict": lambda: model.predict(window, verbose=0),
        "Keras call": lambda: model(window),
    }
    for run in runs.values():
        run()
    times = 20
    found = race({name: many(run, times) for name, run in runs.items()}, repeats)
    table(
        f"One prediction, warm: window {WINDOW}, {UNITS} units",
        {name: value / times for name, value in found.items()},
        reach="0.2 ms",
    )


def many_windows(pipe, repeats):
    """Print the table of many predictions."""
    regressor = pipe[-1]
    spec, weights = network_of(regressor)
    windows = np.random.default_rng(0).normal(size=(N_MANY, LONGER, 1))
    windows = windows.astype(np.float32)
    model = regressor.model_

    def numpy_alone():
        with threadpool_limits(1, user_api="blas"):
            forward(spec, weights, windows)

    def predict(n_jobs):
        return lambda: regressor.set_params(n_jobs=n_jobs).predict(windows)

    runs = {
        "kernel": lambda: outputs(spec, weights, windows),
        "kernel, 2 threads": lambda: outputs(spec, weights, windows, n_threads=2),
        "NumPy, 1 thread": numpy_alone,
        "NumPy, default threads": lambda: forward(spec, weights, windows),
        "LSTMRegressor, n_jobs=1": predict(1),
        "LSTMRegressor, n_jobs=2": predict(2),
        "Keras predict": lambda: model.predict(windows, batch_size=512, verbose=0),
    }
    for run in runs.values():
        run()
    table(
        f"{N_MANY:,} windows of {LONGER}, {FEWER} units",
        race(runs, repeats),
        ours="kernel",
        reach="NumPy 8",
    )


def fresh_process(pipe, load, repeats):
    """Print the table of predictions by fresh processes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fitted.pickle"
        path.write_bytes(pickle.dumps((pipe, load[-1:])))
        print(f"\npickled pipeline: {path.stat().st_size / 1024:.0f} kB")
        runs = {
            "import alone": lambda: process(IMPORT),
            "sklstm": lambda: process(PREDICT, str(path)),
        }
        table(
            "A fresh process: unpickle and predict, or import scikit-learn and pandas",
            race(runs, repeats),
        )


def main(repeats):
    """Print all tables."""
    pipe, load = fitted_pipeline(WINDOW, UNITS)
    fresh_process(pipe, load, repeats)
    one_window(pipe, load, repeats)
    many_windows(fitted_pipeline(LONGER, FEWER)[0], repeats)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    main(parser.parse_args().repeats)
