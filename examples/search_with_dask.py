"""
A search on dask: several processes, or several machines
========================================================

``GridSearchCV`` hands its fits to joblib, and joblib hands them to dask where it is
told to: nothing of the search changes. Here two worker processes on one machine; for
many machines ``Client("tcp://scheduler:8786")`` is the one line that differs. Are the
results the same, and does it pay?

Run: ``python search_with_dask.py`` (``pip install distributed``). Worker processes
import this file, so that what starts them stands behind ``__name__ == "__main__"``.
"""

# %%
import logging
import os
import time

# One thread for linear algebra and for each operation of TensorFlow, here as in the
# workers, which dask starts with one of the former: other numbers of threads may change
# the last bit.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
    os.environ[name] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import joblib
import numpy as np
from distributed import Client, LocalCluster
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline

from sklstm import LSTMRegressor, SlidingWindow, forecast, load_airline_passengers

# %%
# The search
# ----------
# An ordinary one: 12 candidates in 4 folds of the airline passengers.
GRID = {
    "slidingwindow__window": [12, 13, 24],
    "lstmregressor__units": [8, 16, 32, 64],
}


def search():
    """Return a grid search that is not fitted yet."""
    pipe = make_pipeline(SlidingWindow(), LSTMRegressor(random_state=0))
    cv = TimeSeriesSplit(4, test_size=12)
    return GridSearchCV(pipe, GRID, cv=cv, scoring="neg_mean_absolute_error")


def timed(work):
    """Return what a function returns, and the seconds that it took."""
    start = time.perf_counter()
    return work(), time.perf_counter() - start


def warm_up():
    """Import TensorFlow, which each process does once, before its first fit."""
    import tensorflow

    return tensorflow.__version__


# %%
# Serial, then on two worker processes
# ------------------------------------
# One thread in each worker: a fit uses up to two cores by itself.
def main():
    """Run both searches and compare them."""
    X = load_airline_passengers()
    y = X["passengers"]
    warm_up()
    serial, seconds = timed(lambda: search().fit(X, y))
    n_fits = len(serial.cv_results_["params"]) * serial.n_splits_ + 1
    print(f"serial: {n_fits} fits in {seconds:.1f} s")

    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            silence_logs=logging.ERROR,
        ) as cluster,
        Client(cluster) as client,
    ):
        _, seconds = timed(lambda: client.run(warm_up))
        print(f"two workers import TensorFlow: {seconds:.1f} s")
        with joblib.parallel_config(backend="dask"):
            found, seconds = timed(lambda: search().fit(X, y))
    print(f"on two workers: {n_fits} fits in {seconds:.1f} s")

    # %%
    # The same bits
    # -------------
    # Seeds are integers that travel with the parameters, and no global generator is
    # read: each fit is the same wherever it runs.
    scores = [
        np.stack([each.cv_results_[f"split{fold}_test_score"] for fold in range(4)])
        for each in (serial, found)
    ]
    same = np.array_equal(*scores)
    print(f"all {scores[0].size} scores are the same bits: {same}")
    same = np.array_equal(serial.predict(X), found.predict(X))
    print(f"so are the predictions of the best estimators: {same}")
    print(found.best_params_)
    print(forecast(found, X, steps=3).round(0).to_string())


# %%
# On a busy machine of two cores the 49 fits took 18.4 s in one process and 18.7 s on
# two workers, whose imports took as long again: one fit uses two cores by itself.
# Workers pay where there are more cores than that, and minutes of work for each of
# them; ``benchmarks/costs.py`` works out how much.
if __name__ == "__main__":
    main()
