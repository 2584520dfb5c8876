"""Libraries are imported to their end, one at a time, whoever asks and presses."""

import pytest
from by_hand import printed_afresh

INTERRUPTED = """
import os
import signal
import sys

from sklearn.linear_model import Ridge

from sklstm import load, save

signal.signal(signal.SIGINT, signal.default_int_handler)


class Presser:
    def find_spec(self, name, path, target=None):
        if name == "skops.io._utils":
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)


sys.meta_path.insert(0, Presser())
try:
    save(Ridge(), "file")
except KeyboardInterrupt:
    print(os.listdir(), "skops.io" in sys.modules)
print(load(save(Ridge(), "file")), os.listdir())
"""

THREADS = """
import threading
import numpy as np
from sklstm import KerasRegressor, LSTMRegressor

X = np.random.default_rng(0).normal(size=(40, 3, 1)).astype(np.float32)
lstm = LSTMRegressor(2, epochs=1).fit(X, X[:, -1, 0])


def build(meta):
    import keras

    inputs = keras.Input(meta["X_shape_"][1:])
    outputs = keras.layers.Dense(meta["n_outputs_"])(keras.layers.Flatten()(inputs))
    return keras.Model(inputs, outputs)


def fit(**params):
    own = KerasRegressor(build, epochs=1, random_state=0, **params)
    done.append(own.fit(X, X[:, -1, 0]).predict(X).shape)


done = []
threads = [
    threading.Thread(target=fit),
    threading.Thread(target=fit, kwargs={"quantiles": (0.25, 0.75)}),
    threading.Thread(target=lambda: done.append(lstm.model_.output_shape)),
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sorted(done, key=str))
"""


def test_an_interrupted_import_is_finished(tmp_path):
    """Ctrl-C in the first save leaves no file, and a process that can still save."""
    pytest.importorskip("skops")
    assert printed_afresh(INTERRUPTED, cwd=tmp_path) == "[] True\nRidge() ['file']\n"


def test_threads_that_import_first_do_not_wait_for_each_other():
    """Two networks of Keras and a Keras model, in three threads of a new process."""
    pytest.importorskip("scikeras")
    assert printed_afresh(THREADS) == "[(40,), (40,), (None, 1)]\n"
