"""
What a search of 10,000 fits and a panel of 1,000,000 series cost
=================================================================

Measures what the units cost on this machine, each in a process of its own, and works
out from them what a search of 10,000 fits and a panel of 1,000,000 series of 200 rows
come to on workers of one core each. The work is taken to be spread evenly and to cost
there what it costs here; the start of the workers and the way of the data over a
network of one gigabit are added. No such cluster was there to measure.

Processes have one thread for training and for linear algebra, as a worker of one core
should. Seconds are those that the processor was busy, so that other work on this
machine does not count.

* *small fit*: the airline passengers, 144 rows, windows of 13, 32 units, the defaults.
* *large fit*: 20,000 rows, windows of 168, 24 steps, 32 units, the defaults, three
  epochs, scaled to thirty.
* *panel*: 2,000 and 20,000 series of 200 rows, one shuffled long frame, windows of 24,
  8 units, one epoch, batches of 1,024. What a row costs is the difference between the
  two, so that imports do not count.
* *worker*: a new Python process until its first fit is done.
* *task*: one of joblib's on dask that does nothing, sent alone: what client and
  scheduler are busy with it. More tasks a second than they can hand out keep no worker
  busy.

Run: ``python costs.py`` (``pip install distributed``). It takes some minutes.
"""

# %%
import io
import json
import os
import pickle
import subprocess
import sys
import time

from memory import Peak, resident

N_FITS, N_SERIES, N_DAYS = 10_000, 1_000_000, 200
WORKERS = (2, 16, 64, 256)
SIZES = (2_000, 20_000)
LARGE_ROWS, LARGE_EPOCHS, MEASURED_EPOCHS = 20_000, 30, 3
NETWORK = 1e9 / 8  # bytes a second
ONE_CORE = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


# %%
# The units, each measured in a process of its own
# ------------------------------------------------
def small_pipe(seed=0):
    """Return the pipeline of a small fit."""
    from sklearn.pipeline import make_pipeline

    from sklstm import LSTMRegressor, SlidingWindow

    return make_pipeline(SlidingWindow(13), LSTMRegressor(random_state=seed))


def airline():
    """Return the airline passengers and their target."""
    from sklstm import load_airline_passengers

    X = load_airline_passengers()
    return X, X["passengers"]


def small_fit():
    """Return seconds to the end of the first fit and of a later one, and bytes."""
    X, y = airline()
    pipe = small_pipe().fit(X, y)
    first = time.process_time()  # since the process began
    start = time.process_time()
    for seed in range(60):
        small_pipe(seed % 20).fit(X, y)
    later = (time.process_time() - start) / 60
    start = time.process_time()
    for _ in range(200):
        pipe.predict(X[-1:])
    latency = (time.process_time() - start) / 200
    return {
        "start": first,
        "small fit": later,
        "prediction of a row": latency,
        "pickle, fitted": len(pickle.dumps(pipe)),
        "process": resident() * 2**20,
    }


def large_fit():
    """Return seconds of a large fit, scaled to all its epochs, and its memory."""
    import numpy as np
    import pandas as pd
    from sklearn.pipeline import make_pipeline

    from sklstm import LSTMRegressor, SlidingWindow

    t = np.arange(LARGE_ROWS)
    load = np.sin(t / 4) + np.random.default_rng(0).normal(size=len(t)) / 10
    X = pd.DataFrame({"load": load})

    def fit(epochs):
        lstm = LSTMRegressor(
            steps=24, epochs=epochs, early_stopping=False, random_state=0
        )
        start = time.process_time()
        make_pipeline(SlidingWindow(168), lstm).fit(X, X["load"])
        return time.process_time() - start

    fit(1)
    one = fit(1)
    with Peak() as peak:
        more = fit(1 + MEASURED_EPOCHS)
    epoch = (more - one) / MEASURED_EPOCHS
    return {
        "large fit": one + (LARGE_EPOCHS - 1) * epoch,
        "large fit, memory": peak.growth * 2**20,
    }


def panel(n_series):
    """Return seconds and bytes of windows, an epoch and predictions of a panel."""
    import numpy as np
    import pandas as pd

    from sklstm import LSTMRegressor, SlidingWindow

    def rows_of(n):
        rng = np.random.default_rng(0)
        order = rng.permutation(n * N_DAYS)
        frame = pd.DataFrame(
            {
                "store": np.repeat(np.arange(n), N_DAYS)[order],
                "day": np.tile(np.arange(N_DAYS), n)[order],
                "sales": (np.sin(order / 20) + rng.normal(size=len(order)) / 10),
            }
        )
        return frame, frame["sales"]

    windows = SlidingWindow(24, groups="store", time="day")
    lstm = LSTMRegressor(8, epochs=1, batch_size=1024, random_state=0)
    few, target = rows_of(20)
    lstm.fit(windows.fit_transform(few), target)  # imports
    X, y = rows_of(n_series)
    seconds, growth = {}, 0.0

    def run(name, work):
        nonlocal growth
        start = time.process_time()
        with Peak() as peak:
            result = work()
        seconds[f"panel, {name}"] = time.process_time() - start
        growth = max(growth, peak.growth)
        return result

    made = run("windows", lambda: windows.fit_transform(X))
    run("an epoch", lambda: lstm.fit(made, y))
    run("predictions", lambda: lstm.predict(made))
    buffer = io.BytesIO()
    X.to_pickle(buffer)
    return seconds | {
        "panel, memory": growth * 2**20,
        "panel, rows": float(X.memory_usage(deep=True).sum()),
        "panel, pickle": buffer.tell(),
    }


def tasks():
    """Return the seconds of a task that does nothing, through joblib and dask."""
    import joblib
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        joblib.Parallel(batch_size=1)(joblib.delayed(abs)(-1) for _ in range(100))
        start = time.process_time()
        joblib.Parallel(batch_size=1)(joblib.delayed(abs)(-1) for _ in range(2_000))
        return {"task": (time.process_time() - start) / 2_000}


STAGES = {
    "small": small_fit,
    "large": large_fit,
    **{f"panel {size}": (lambda size=size: panel(size)) for size in SIZES},
    "tasks": tasks,
}


# %%
# Processes
# ---------
def measured(stage):
    """Return what a stage measured, in a process of its own."""
    command = [sys.executable, __file__, stage]
    done = subprocess.run(
        command,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | ONE_CORE,
    )
    return json.loads(done.stdout.splitlines()[-1])


def units_of_a_panel():
    """Return what a row of a panel costs, in seconds and bytes."""
    few, many = (measured(f"panel {n_series}") for n_series in SIZES)
    n_rows = (SIZES[1] - SIZES[0]) * N_DAYS
    return {name: (many[name] - few[name]) / n_rows for name in many}


# %%
# The tables
# ----------
def words(seconds):
    """Return a duration in words."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def size(n_bytes):
    """Return an amount of memory in words."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= factor:
            return f"{n_bytes / factor:.3g} {unit}"
    return f"{n_bytes:.0f} bytes"


def row(*cells):
    """Print a line of a table."""
    print(f"| {' | '.join(str(cell) for cell in cells)} |", flush=True)


def heads(*cells):
    """Print the head of a table."""
    row(*cells)
    print("|---" * len(cells) + "|")


def main():
    """Measure the units, and print them and what follows from them."""
    unit = measured("small")
    start = unit["start"]
    large, task = measured("large"), measured("tasks")["task"]
    a_row = units_of_a_panel()

    heads("unit, one core", "measured")
    row("a worker, from its start to the end of its first fit", words(start))
    row("its memory after that", size(unit["process"]))
    row("small fit", words(unit["small fit"]))
    row("large fit", words(large["large fit"]))
    row("its memory, above that of the worker", size(large["large fit, memory"]))
    row("a task of joblib on dask", words(task))
    row("a fitted pipeline, pickled", size(unit["pickle, fitted"]))
    row("prediction of one row", words(unit["prediction of a row"]))
    for name in ("windows", "an epoch", "predictions"):
        row(f"panel, {name}: rows a second", f"{1 / a_row[f'panel, {name}']:,.0f}")
    row("panel, memory of a row in the frame", size(a_row["panel, rows"]))
    row("at the peak, above that", size(a_row["panel, memory"]))
    print()
    heads("workers", f"{N_FITS:,} small fits", f"{N_FITS:,} large fits")
    for n in (1, *WORKERS):
        fits, handed = -(-N_FITS // n), N_FITS * task if n > 1 else 0
        small = max(fits * unit["small fit"], handed)
        many = max(fits * large["large fit"], handed)
        row(n, words(start + small), words(start + many))

    rows = N_SERIES * N_DAYS
    held = rows * (a_row["panel, rows"] + a_row["panel, memory"])
    windows, epoch, predictions = (
        rows * a_row[f"panel, {name}"]
        for name in ("windows", "an epoch", "predictions")
    )
    print()
    heads(
        "workers",
        "data there",
        f"{N_SERIES:,} series: windows, predictions",
        "windows, ten epochs: a network for each part",
        "memory of each",
    )
    for n in (1, *WORKERS):
        # The frame leaves one machine, part by part.
        way = start + (rows * a_row["panel, pickle"] / NETWORK if n > 1 else 0)
        row(
            n,
            words(way),
            words((windows + predictions) / n),
            words((windows + 10 * epoch) / n),
            size(unit["process"] + held / n),
        )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(STAGES[sys.argv[1]]()))
    else:
        main()
