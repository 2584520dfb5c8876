"""
How long a grid search takes
============================

Runs GridSearchCV with 12 candidates, 5 folds and 50 epochs on the airline series
(window 12, batches of 32), the same windows and folds for every contestant: sklstm,
serial and in two threads, and scikeras, serial. Whole searches are timed, each in a
process of its own, imports left out. Then the scores of the serial and of the threaded
search are compared bit by bit.

Run: ``python search_speed.py [--repeats 3] [--without-scikeras]``.
"""

# %%
import argparse
import json
import statistics
import subprocess
import sys
import time
import warnings

import joblib
import numpy as np
from _race import table
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMRegressor, SlidingWindow, load_airline_passengers

EPOCHS, BATCH, WINDOW = 50, 32, 12
UNITS, RATES = (8, 16, 32, 64), (0.001, 0.003, 0.01)


def network(meta, units, learning_rate):
    """Return the network as a user of scikeras writes it."""
    import keras

    model = keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            keras.layers.LSTM(units),
            keras.layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(learning_rate), "mse")
    return model


def estimator(name):
    """Return the estimator and the grid of a contestant."""
    if name == "scikeras":
        from scikeras.wrappers import KerasRegressor

        wrapper = KerasRegressor(
            network,
            units=32,
            learning_rate=0.001,
            epochs=EPOCHS,
            batch_size=BATCH,
            verbose=0,
        )
        return wrapper, {"model__units": UNITS, "model__learning_rate": RATES}
    regressor = LSTMRegressor(
        loss="mse",
        epochs=EPOCHS,
        batch_size=BATCH,
        early_stopping=False,
        prior=False,
        random_state=0,
    )
    return regressor, {"units": UNITS, "learning_rate": RATES}


def search(name):
    """Print seconds and scores of one search."""
    if name == "scikeras":
        import keras  # noqa: F401

    series = load_airline_passengers()
    scaled = StandardScaler().fit_transform(series).astype(np.float32)
    X = SlidingWindow(WINDOW).fit_transform(scaled)[WINDOW:]
    y = scaled[WINDOW:, 0]
    contestant, grid = estimator(name)
    n_jobs = 2 if name.endswith("threads") else 1
    folds = TimeSeriesSplit(5)
    start = time.perf_counter()
    with joblib.parallel_config(backend="threading", n_jobs=n_jobs):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about scikeras's tags
            found = GridSearchCV(
                contestant, grid, cv=folds, refit=False, scoring="r2"
            ).fit(np.ascontiguousarray(X), y)
    seconds = time.perf_counter() - start
    print(json.dumps([seconds, found.cv_results_["mean_test_score"].tolist()]))


def main(repeats, names):
    """Print the table, and whether threads change a bit."""
    seconds = {name: [] for name in names}
    scores = {}
    for _ in range(repeats):
        for name in names:
            command = [sys.executable, __file__, "--search", name]
            done = subprocess.run(
                command, stdout=subprocess.PIPE, text=True, check=True
            )
            value, scores[name] = json.loads(done.stdout.splitlines()[-1])
            seconds[name].append(value)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    table(
        f"{len(UNITS) * len(RATES)} candidates x 5 folds x {EPOCHS} epochs",
        medians,
        reach="scikeras 100",
    )
    speedup = medians["sklstm"] / medians["sklstm, 2 threads"]
    print(f"two threads against one: {speedup:.2f} x (reach: 1.8)")
    same = scores["sklstm"] == scores["sklstm, 2 threads"]
    print(f"scores of serial and threaded search are the same bits: {same}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--without-scikeras", action="store_true")
    parser.add_argument("--search", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.search:
        search(given.search)
    else:
        contestants = ["sklstm", "sklstm, 2 threads", "scikeras"]
        main(given.repeats, contestants[: 2 if given.without_scikeras else 3])
