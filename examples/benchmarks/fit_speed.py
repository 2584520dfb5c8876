"""
How long a fit takes, and an epoch of it
========================================

Times the same network on the same data, with the same batches of 32, in float32: a
first fit in a process (build and trace included, imports not), later fits (what a
search pays), and an epoch at three sizes. Contestants take turns. PyTorch and skorch
take part where they are installed. *Matrix products* are the three products of every
step (forward, and backward to the states and to the weights) and nothing else: what no
LSTM on this machine can go below. Run: ``python fit_speed.py [--repeats 5]``.
"""

# %%
import argparse
import statistics
import subprocess
import sys
import time

import numpy as np
from _race import is_installed, race, table

BATCH = 32
SHORT = (97, 3, 50)
LONG = ((2000, 24, 50, 8), (2000, 96, 64, 4))  # rows, window, units, epochs


def data(rows, window):
    """Return windows and targets of a noisy wave, materialised for the peers."""
    t = np.arange(rows + window)
    noise = np.random.default_rng(0).normal(size=len(t))
    series = (np.sin(t / 9) + noise / 10).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(series, window)[:-1, :, None]
    return windows, series[window:]


# %%
# The contestants. Each returns a function that trains some epochs; what it built
# before stays.
def sklstm(X, y, units):
    """Return ``LSTMRegressor.fit``."""
    from sklstm import LSTMRegressor

    def run(epochs):
        LSTMRegressor(
            units,
            patch=1,
            loss="mse",
            epochs=epochs,
            early_stopping=False,
            random_state=0,
        ).fit(X, y)

    return run


def keras_model(window, units):
    """Return the network in Keras, compiled."""
    import keras

    model = keras.Sequential(
        [keras.Input((window, 1)), keras.layers.LSTM(units), keras.layers.Dense(1)]
    )
    model.compile("adam", "mse")
    return model


def plain_keras(X, y, units, *, builds_each=False):
    """Return ``keras.Model.fit``, of a new model each time where asked."""
    X = np.ascontiguousarray(X)
    model = None if builds_each else keras_model(X.shape[1], units)

    def run(epochs):
        fitted = keras_model(X.shape[1], units) if builds_each else model
        fitted.fit(X, y, epochs=epochs, batch_size=BATCH, verbose=0)

    return run


def scikeras(X, y, units):
    """Return the fit of a scikeras wrapper, which builds a new model each time."""
    import warnings

    from scikeras.wrappers import KerasRegressor

    X = np.ascontiguousarray(X)

    def run(epochs):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about scikeras's tags
            KerasRegressor(
                keras_model,
                window=X.shape[1],
                units=units,
                epochs=epochs,
                batch_size=BATCH,
                verbose=0,
            ).fit(X, y)

    return run


def torch_module(units):
    """Return the network in PyTorch."""
    import torch

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = torch.nn.LSTM(1, units, batch_first=True)
            self.out = torch.nn.Linear(units, 1)

        def forward(self, x):
            return self.out(self.lstm(x)[0][:, -1])

    return Network()


def pytorch(X, y, units):
    """Return a plain PyTorch training loop."""
    import torch

    inputs = torch.from_numpy(np.ascontiguousarray(X))
    targets = torch.from_numpy(y.copy())[:, None]
    module = torch_module(units)
    optimizer = torch.optim.Adam(module.parameters())

    def run(epochs):
        for _ in range(epochs):
            order = torch.randperm(len(inputs))
            for start in range(0, len(order), BATCH):
                rows = order[start : start + BATCH]
                optimizer.zero_grad()
                error = module(inputs[rows]) - targets[rows]
                error.square().mean().backward()
                optimizer.step()

    return run


def skorch(X, y, units):
    """Return the fit of a skorch regressor."""
    import skorch
    import torch

    X, y = np.ascontiguousarray(X), y.copy()[:, None]

    def run(epochs):
        skorch.NeuralNetRegressor(
            torch_module(units),
            max_epochs=epochs,
            batch_size=BATCH,
            optimizer=torch.optim.Adam,
            train_split=None,
            iterator_train__shuffle=True,
            verbose=0,
        ).fit(X, y)

    return run


def matrix_products(X, y, units):
    """Return the products of every step of every batch, in NumPy."""
    rng = np.random.default_rng(0)
    read = rng.normal(size=(BATCH, 1 + units)).astype(np.float32)
    weights = rng.normal(size=(1 + units, 4 * units)).astype(np.float32)
    gates = np.empty((BATCH, 4 * units), np.float32)
    to_read, to_weights = np.empty_like(read), np.empty_like(weights)
    n_products = -(-len(y) // BATCH) * X.shape[1]

    def run(epochs):
        for _ in range(epochs * n_products):
            np.matmul(read, weights, out=gates)
            np.matmul(gates, weights.T, out=to_read)
            np.matmul(read.T, gates, out=to_weights)

    return run


def peers():
    """Return the contestants that are installed."""
    found = {"Keras": plain_keras}
    if is_installed("torch"):
        found["PyTorch"] = pytorch
    if is_installed("skorch") and is_installed("torch"):
        found["skorch"] = skorch
    return found


# %%
# A first fit needs a process of its own.
def first_fit(name):
    """Print the seconds of the first fit in this process, imports left out."""
    import keras  # noqa: F401

    rows, window, units = SHORT
    X, y = data(rows, window)
    contestant = {"sklstm": sklstm, "Keras": plain_keras}[name]
    if name == "sklstm":
        import sklstm as imported

        assert imported.LSTMRegressor
    start = time.perf_counter()
    contestant(X, y, units)(100)
    print(time.perf_counter() - start)


def main(repeats):
    """Print all tables."""
    rows, window, units = SHORT
    X, y = data(rows, window)
    seconds = {"sklstm": [], "Keras": []}
    for _ in range(max(repeats // 2, 1)):
        for name, values in seconds.items():
            command = [sys.executable, __file__, "--first", name]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            values.append(float(done.stdout.split()[-1]))
    table(
        f"First fit in a process: {rows} rows x window {window}, {units} units, "
        "100 epochs",
        {name: statistics.median(values) for name, values in seconds.items()},
    )

    runs = {
        "sklstm": sklstm(X, y, units),
        "Keras, built each time": plain_keras(X, y, units, builds_each=True),
        "scikeras": scikeras(X, y, units),
    }
    runs |= {k: v(X, y, units) for k, v in peers().items() if k != "Keras"}
    for run in runs.values():
        run(1)
    table(
        "Any later fit of that architecture",
        race({k: lambda run=run: run(100) for k, run in runs.items()}, repeats),
    )

    for rows, window, units, epochs in ((*SHORT, 50), *LONG):
        X, y = data(rows, window)
        runs = {"sklstm": sklstm(X, y, units)}
        runs |= {name: make(X, y, units) for name, make in peers().items()}
        runs["matrix products"] = matrix_products(X, y, units)
        for run in runs.values():
            run(1)
        seconds = race(
            {k: lambda run=run, n=epochs: run(n) for k, run in runs.items()}, repeats
        )
        table(
            f"An epoch: {rows} rows x window {window}, {units} units, batches of "
            f"{BATCH}",
            {name: value / epochs for name, value in seconds.items()},
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--first", choices=["sklstm", "Keras"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.first:
        first_fit(given.first)
    else:
        main(given.repeats)
