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

# One thread for linear algebra, here as in the workers, which dask starts so: other
# numbers of threads may change the last bit.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

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
    """Import what a fit needs, which each process does once."""
    return LSTMRegressor(epochs=1).fit(np.eye(20), np.arange(20.0)).n_iter_


# %%
# Serial, then on two worker processes
# ------------------------------------
# One thread in each worker.
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
        print(f"two workers get ready: {seconds:.1f} s")
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
# On two cores the 49 fits took 2.9 s in one process and 5.1 s on two workers: fits of
# tens of milliseconds are too small to be handed out one by one. Workers pay where
# there are more cores than that, and minutes of work for each of them;
# ``benchmarks/costs.py`` works out how much.
if __name__ == "__main__":
    main()
