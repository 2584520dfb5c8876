"""Searches on dask: worker processes come to the same bits as a serial search."""

import os
import sys

import joblib
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from sklstm import LSTMRegressor, SlidingWindow, load_airline_passengers

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def client():
    """Return a client of two worker processes, one thread each."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def search():
    # Without a highway, which could leave the networks nothing to say.
    lstm = LSTMRegressor(
        4, epochs=3, dropout=0.1, batch_size=16, highway=False, random_state=0
    )
    pipe = make_pipeline(SlidingWindow(window=12), lstm)
    grid = {"slidingwindow__window": [3, 13], "lstmregressor__units": [2, 4]}
    return GridSearchCV(pipe, grid, cv=TimeSeriesSplit(2))


def test_a_search_on_two_worker_processes_is_the_serial_one(client):
    """Scores of every fit, and what the best estimator predicts, are the same bits."""
    X = load_airline_passengers()
    # dask gives its workers one thread for linear algebra; a fit here gets as many.
    with threadpool_limits(1):
        serial = search().fit(X[:120], X["passengers"][:120])
        with joblib.parallel_config(backend="dask"):
            found = search().fit(X[:120], X["passengers"][:120])
    for name in ("split0_test_score", "split1_test_score", "mean_test_score"):
        ours, expected = found.cv_results_[name], serial.cv_results_[name]
        np.testing.assert_array_equal(ours, expected)
    assert len(set(serial.cv_results_["mean_test_score"])) == 4
    assert found.best_params_ == serial.best_params_
    np.testing.assert_array_equal(found.predict(X), serial.predict(X))
    # Both processes fitted, and neither of them is this one.
    workers = client.run(
        lambda: (os.getpid(), "sklstm.network._kernels" in sys.modules)
    )
    pids, has_fitted = zip(*workers.values(), strict=True)
    assert len({*pids, os.getpid()}) == 3
    assert all(has_fitted)
