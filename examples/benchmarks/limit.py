"""
How close an epoch is to the processor's limit
==============================================

An LSTM that learns a step of a window does three products of matrices: forward,
backward to the states, and backward to the weights; together rows x window x
(inputs + units) x 4 units x 3 multiply-adds an epoch. How long would these take at the
rate of a large product, 1,024^3 in float32, of NumPy's OpenBLAS on as many threads?
*times the limit* is how many times as long an epoch of ours takes, gates, loss,
optimizer and small shapes included; *reach* is what we want it to be at most.

An epoch is a difference: ``LSTMRegressor.fit`` of many epochs less that of one, so that
checks, scaling and highway do not count. Both rates are measured in turns within one
run; ratios are medians of the turns. OpenBLAS chooses its kernel by the processor,
whatever ``OPENBLAS_CORETYPE`` says; ours does, unless ``SKLSTM_LEVEL`` says otherwise.

Run: ``python limit.py [--repeats 7]``.
"""

# %%
import argparse
import os
import statistics
import time

# Before NumPy loads it, so that OpenBLAS takes the best kernel of the processor.
os.environ.pop("OPENBLAS_CORETYPE", None)

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from sklstm import LSTMRegressor
from sklstm.network._kernels import levels

N_ROWS, SIDE, REACH = 2000, 1024, 1.4
# Window, units, epochs that are timed.
# Enough that the threads of OpenBLAS, which look out for work for some hundredths of a
# second after the highway, are asleep most of the time.
SIZES = ((24, 50, 60), (96, 64, 10), (24, 32, 120))


def wave(window):
    """Return windows and targets of a noisy wave."""
    t = np.arange(N_ROWS + window)
    noise = np.random.default_rng(0).normal(size=len(t))
    series = (np.sin(t / 9) + noise / 10).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(series, window)[:-1, :, None]
    return windows, series[window:]


def seconds_of_epoch(X, y, units, epochs, n_threads):
    """Return the seconds of an epoch: many less one."""

    def seconds_of_fit(n_epochs):
        regressor = LSTMRegressor(
            units,
            patch=1,
            loss="mse",
            epochs=n_epochs,
            batch_size=32,
            early_stopping=False,
            n_jobs=n_threads,
            random_state=0,
        )
        start = time.perf_counter()
        regressor.fit(X, y)
        return time.perf_counter() - start

    return (seconds_of_fit(1 + epochs) - seconds_of_fit(1)) / epochs


def product_rate(one, other, out, n_threads):
    """Return the multiply-adds a second of a large product."""
    times = 8 * n_threads
    with threadpool_limits(n_threads, user_api="blas"):
        start = time.perf_counter()
        for _ in range(times):
            np.matmul(one, other, out=out)
        return times * SIDE**3 / (time.perf_counter() - start)


def measure(window, units, epochs, n_threads, repeats):
    """Return the medians of seconds of an epoch, of both rates, and of their ratio."""
    X, y = wave(window)
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, SIDE, SIDE)).astype(np.float32)
    out = np.empty_like(one)
    work = N_ROWS * window * (1 + units) * 4 * units * 3
    turns = []
    for _ in range(1 + repeats):
        seconds = seconds_of_epoch(X, y, units, epochs, n_threads)
        rate = product_rate(one, other, out, n_threads)
        turns.append((seconds, work / seconds, rate, seconds * rate / work))
    return [statistics.median(column) for column in zip(*turns[1:], strict=True)]


def main(repeats):
    """Print a row for each size and number of threads."""
    (blas,) = (info for info in threadpool_info() if "numpy" in info["filepath"])
    print(
        f"OpenBLAS {blas['version']}: {blas['architecture']}; ours: "
        f"{os.environ.get('SKLSTM_LEVEL') or levels()[-1]}; {os.cpu_count()} "
        "processors\n"
    )
    print(
        "| window x units | threads | ms an epoch | GFLOP/s, ours | of a large product "
        "| times the limit | reach |\n" + "|---" * 7 + "|"
    )
    for window, units, epochs in SIZES:
        for n_threads in (1, 2):
            seconds, ours, rate, ratio = measure(
                window, units, epochs, n_threads, repeats
            )
            print(
                f"| {window} x {units} | {n_threads} | {seconds * 1e3:.1f} | "
                f"{2e-9 * ours:.1f} | {2e-9 * rate:.1f} | {ratio:.2f} | {REACH} |",
                flush=True,
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    main(parser.parse_args().repeats)
