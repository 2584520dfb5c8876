"""
How long a prediction takes
===========================

Times one warm prediction (window 24, 50 units) of LSTMRegressor, of the pipeline with
SlidingWindow in front of it, of ``keras.Model.predict`` and of a direct call of the
Keras model; then 100,000 windows. Last, a fresh process that unpickles a fitted
pipeline and predicts, next to one that only imports scikit-learn.

Run: ``python predict_latency.py [--repeats 7]``.
"""

# %%
import argparse
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _race import race, table
from sklearn.pipeline import make_pipeline

from sklstm import LSTMRegressor, SlidingWindow

WINDOW, UNITS = 24, 50
PREDICT = """
import pickle, sys
with open(sys.argv[1], "rb") as file:
    pipe, X = pickle.load(file)
print(pipe.predict(X))
"""
IMPORT = """
import sklearn.ensemble, sklearn.linear_model, sklearn.model_selection, sklearn.pipeline
"""


def many(run, times):
    """Return a function that runs another one several times."""

    def repeated():
        for _ in range(times):
            run()

    return repeated


def seconds_of(code, *arguments):
    """Return how long a fresh process takes to run some code."""
    start = time.perf_counter()
    command = [sys.executable, "-c", code, *arguments]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def main(repeats):
    """Print all tables."""
    hours = pd.date_range("2026-01-01", periods=1000, freq="h")
    load = pd.DataFrame({"load": np.sin(np.arange(1000) / 9)}, index=hours)
    pipe = make_pipeline(SlidingWindow(WINDOW), LSTMRegressor(UNITS, epochs=2))
    pipe.fit(load[:-1], load["load"][:-1])
    regressor, row = pipe[-1], load[-1:]
    window = pipe[0].transform(row)
    model = regressor.model_
    runs = {
        "sklstm": lambda: regressor.predict(window),
        "sklstm, pipeline": lambda: pipe.predict(row),
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
    )

    windows = np.random.default_rng(0).normal(size=(100_000, WINDOW, 1))
    windows = windows.astype(np.float32)
    runs = {
        "sklstm": lambda: regressor.predict(windows),
        "Keras predict": lambda: model.predict(windows, batch_size=512, verbose=0),
    }
    table("100,000 windows", race(runs, max(repeats // 2, 1)))

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fitted.pickle"
        path.write_bytes(pickle.dumps((pipe, row)))
        print(f"\npickled pipeline: {path.stat().st_size / 1024:.0f} kB")
        fresh: dict[str, list[float]] = {"import scikit-learn": [], "sklstm": []}
        for _ in range(repeats):
            fresh["import scikit-learn"].append(seconds_of(IMPORT))
            fresh["sklstm"].append(seconds_of(PREDICT, str(path)))
    table(
        "A fresh process: unpickle and predict, or import scikit-learn alone",
        {name: statistics.median(values) for name, values in fresh.items()},
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    main(parser.parse_args().repeats)
