"""
How long a fit takes, and an epoch of it
========================================

Times the same network on the same data, with the same batches of 32, in float32: a
first fit in a process (imports left out), later fits (what a search pays), and an epoch
at three sizes. Each contestant lives in a process of its own; they take turns. PyTorch
takes part with one thread and with as many as it chooses, and is compared by the better
of the two; skorch takes part where it is installed.

*sklstm* is ``LSTMRegressor.fit`` as a whole, with its checks, scaling and highway.
Run: ``python fit_speed.py [--repeats 5] [--only first later short day long]``.
"""

# %%
import argparse
import json
import statistics
import subprocess
import sys
import warnings

from _race import is_installed, race_processes, seconds_of, table, take_turns

BATCH = 32
# Rows, window, units, epochs that are timed.
SIZES = {
    "short": (97, 3, 50, 50),
    "day": (2000, 24, 50, 40),
    "long": (2000, 96, 64, 30),
}
LATER = (97, 3, 50, 100)
REACH = {
    "later": "Keras 120, PyTorch 12",
    "day": "Keras 15, PyTorch 5",
    "long": "Keras 10, PyTorch 3.5",
}


def data(rows, window):
    """Return windows and targets of a noisy wave, materialised."""
    import numpy as np

    t = np.arange(rows + window)
    noise = np.random.default_rng(0).normal(size=len(t))
    series = (np.sin(t / 9) + noise / 10).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(series, window)[:-1, :, None]
    return np.ascontiguousarray(windows), series[window:].copy()


# %%
# The contestants. Each returns a function that trains; a network that is not built each
# time stays from turn to turn.
def sklstm(X, y, units, epochs, n_jobs=1):
    """Return ``LSTMRegressor.fit``."""
    from sklstm import LSTMRegressor

    regressor = LSTMRegressor(
        units,
        patch=1,
        loss="mse",
        epochs=epochs,
        batch_size=BATCH,
        early_stopping=False,
        prior=False,
        n_jobs=n_jobs,
        random_state=0,
    )
    return lambda: regressor.fit(X, y)


def keras_model(window, units):
    """Return the network in Keras, compiled."""
    import keras

    model = keras.Sequential(
        [keras.Input((window, 1)), keras.layers.LSTM(units), keras.layers.Dense(1)]
    )
    model.compile("adam", "mse")
    return model


def plain_keras(X, y, units, epochs, *, builds_each=False):
    """Return ``keras.Model.fit``, of a new model each time where asked."""
    kept = keras_model(X.shape[1], units)

    def run():
        model = keras_model(X.shape[1], units) if builds_each else kept
        model.fit(X, y, epochs=epochs, batch_size=BATCH, verbose=0)

    return run


def scikeras(X, y, units, epochs):
    """Return the fit of a scikeras wrapper, which builds a new model each time."""
    from scikeras.wrappers import KerasRegressor

    warnings.simplefilter("ignore")  # about scikeras's tags
    regressor = KerasRegressor(
        keras_model,
        window=X.shape[1],
        units=units,
        epochs=epochs,
        batch_size=BATCH,
        verbose=0,
    )
    return lambda: regressor.fit(X, y)


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


def pytorch(X, y, units, epochs, *, n_threads=None):
    """Return a plain PyTorch training loop; the network is new each time."""
    import torch

    if n_threads is not None:
        torch.set_num_threads(n_threads)
    inputs, targets = torch.from_numpy(X), torch.from_numpy(y)[:, None]

    def run():
        module = torch_module(units)
        optimizer = torch.optim.Adam(module.parameters(), fused=True)
        for _ in range(epochs):
            order = torch.randperm(len(inputs))
            for rows in order.split(BATCH):
                optimizer.zero_grad()
                error = module(inputs[rows]) - targets[rows]
                error.square().mean().backward()
                optimizer.step()

    return run


def skorch(X, y, units, epochs):
    """Return the fit of a skorch regressor."""
    import torch
    from skorch import NeuralNetRegressor

    def run():
        NeuralNetRegressor(
            torch_module(units),
            max_epochs=epochs,
            batch_size=BATCH,
            optimizer=torch.optim.Adam,
            train_split=None,
            iterator_train__shuffle=True,
            verbose=0,
        ).fit(X, y[:, None])

    return run


CONTESTANTS = {
    "sklstm": sklstm,
    "sklstm, 2 threads": lambda *size: sklstm(*size, n_jobs=2),
    "Keras": plain_keras,
    "Keras, built each time": lambda *size: plain_keras(*size, builds_each=True),
    "scikeras": scikeras,
    "PyTorch, 1 thread": lambda *size: pytorch(*size, n_threads=1),
    "PyTorch, default threads": pytorch,
    "skorch": skorch,
}
# Those in whose epochs the building of a network would count.
BUILT_EACH_TIME = ("Keras, built each time", "scikeras")
LIBRARY = {"Keras": "keras", "PyTorch": "torch"}


def is_there(name):
    """Return whether the library of a contestant is installed."""
    library = name.split(",")[0]
    return is_installed(LIBRARY.get(library, library))


# %%
# The tables.
def compete(title, names, size, repeats, *, divisor=1, reach=""):
    """Print the seconds of each contestant, and which PyTorch is the better."""
    rows, window, units, _ = size
    found = race_processes(
        {
            name: ["--contestant", name, "--size", json.dumps(size)]
            for name in names
            if is_there(name)
        },
        repeats,
    )
    seconds = {name: value / divisor for name, value in found.items()}
    title = f"{title}: {rows} rows x window {window}, {units} units, batches of {BATCH}"
    table(title, seconds, reach=reach)
    if torches := [name for name in seconds if name.startswith("PyTorch")]:
        better = min(torches, key=seconds.get)
        print(f"PyTorch's better: {better}, {seconds[better] / seconds['sklstm']:.2f}")


def first_fits(repeats):
    """Print the seconds of the first fit in a process, imports left out."""
    names = ["sklstm", "Keras", "PyTorch, 1 thread", "PyTorch, default threads"]
    seconds = {name: [] for name in names if is_there(name)}
    for _ in range(repeats):
        for name, values in seconds.items():
            command = [sys.executable, __file__, "--first", name]
            done = subprocess.run(
                command, stdout=subprocess.PIPE, text=True, check=True
            )
            values.append(float(done.stdout.split()[-1]))
    rows, window, units, epochs = LATER
    table(
        f"First fit in a process: {rows} rows x window {window}, {units} units, "
        f"{epochs} epochs",
        {name: statistics.median(values) for name, values in seconds.items()},
    )


def first_fit(name):
    """Print the seconds of building and fitting, imports left out."""
    library = name.split(",")[0]
    if library == "sklstm":
        from sklstm import LSTMRegressor  # noqa: F401
    else:
        __import__(LIBRARY[library])
    X, y = data(*LATER[:2])
    print(seconds_of(lambda: CONTESTANTS[name](X, y, *LATER[2:])()))


def main(repeats, only):
    """Print the tables that are asked for."""
    if "first" in only:
        first_fits(repeats)
    if "later" in only:
        title = f"A later fit, {LATER[3]} epochs"
        compete(title, CONTESTANTS, LATER, repeats, reach=REACH["later"])
    names = [name for name in CONTESTANTS if name not in BUILT_EACH_TIME]
    for part, size in SIZES.items():
        if part in only:
            compete(
                "An epoch",
                names,
                size,
                repeats,
                divisor=size[3],
                reach=REACH.get(part, ""),
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parts = ["first", "later", *SIZES]
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    parser.add_argument("--contestant", help=argparse.SUPPRESS)
    parser.add_argument("--size", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--first", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contestant:
        rows, window, units, epochs = given.size
        X, y = data(rows, window)
        take_turns(CONTESTANTS[given.contestant](X, y, units, epochs))
    elif given.first:
        first_fit(given.first)
    else:
        main(given.repeats, given.only)
