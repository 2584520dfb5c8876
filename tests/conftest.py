"""Fixtures that several test files share, and the manners of pictures in tests."""

import os
import sys
from dataclasses import replace

import pytest
from by_hand import walk, windows_of
from hypothesis import settings
from sklearn.pipeline import make_pipeline

from sklstm import LSTMRegressor, SlidingWindow, load_airline_passengers

# A run without a change finds what the run before found, however busy the machine is;
# `pytest --hypothesis-profile exploring` tries examples that no run has tried.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("exploring", deadline=None)
settings.load_profile("repeatable")

# Pictures are drawn without a screen, whatever the machine has.
os.environ["MPLBACKEND"] = "agg"


@pytest.fixture(autouse=True)
def _pictures_closed():
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(scope="session")
def set_trust():
    """Return a function that sets how far a fitted regressor trusts its networks."""

    def set_trust(regressor, trust):
        regressor._members = [
            replace(member, scaling=replace(member.scaling, network_weight=trust))
            for member in regressor._members
        ]

    return set_trust


@pytest.fixture(scope="session")
def airline():
    """Return the airline passengers and their month."""
    X = load_airline_passengers()
    return X.assign(month=X.index.month)


@pytest.fixture(scope="session")
def airline_pipe(airline):
    """Return a pipeline fitted on all but the newest year."""
    lstm = LSTMRegressor(
        6, epochs=12, learning_rate=0.02, highway=False, random_state=0
    )
    return make_pipeline(SlidingWindow(12, known="month"), lstm).fit(
        airline[:-12], airline["passengers"][:-12]
    )


@pytest.fixture(scope="session")
def deep_pipe(airline):
    """Return a pipeline with two layers in two directions, without the month."""
    lstm = LSTMRegressor((5, 3), bidirectional=True, epochs=2, random_state=0)
    return make_pipeline(SlidingWindow(12), lstm).fit(
        airline[["passengers"]], airline["passengers"]
    )


@pytest.fixture(scope="session")
def data():
    """Return windows (60, 4, 1) of a random walk and the values after them."""
    return windows_of(walk())
