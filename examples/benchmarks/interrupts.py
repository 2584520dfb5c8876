"""
Ctrl-C, forks and threads
=========================

Prints three things, each found in a process of its own:

- how long ``fit`` goes on after Ctrl-C, in a fit of one epoch that would take about a
  minute;
- whether a fit ends in a child that was forked after a fit in its parent, where the
  threads of other libraries wait for ever;
- how much more two fits in two threads get done than one after the other.

Run: ``python interrupts.py [--tries 5] [--repeats 5]``.
"""

# %%
import argparse
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from _race import race, seconds_of

from sklstm import LSTMRegressor

FORK_TIMEOUT = 60


def wave(n_rows, window):
    """Return windows, as a view, and targets of a wave."""
    series = np.sin(np.arange(n_rows + window) / 9).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(series, window)[:-1, :, None]
    return windows, series[window:]


def regressor(units, n_jobs=1, **params):
    """Return a regressor that reads step by step and trains every epoch."""
    return LSTMRegressor(
        units,
        patch=1,
        early_stopping=False,
        n_jobs=n_jobs,
        random_state=0,
        **params,
    )


# %%
# Ctrl-C
def rows_of_a_minute(n_jobs):
    """Return how many rows of 96 steps an epoch learns in a minute."""
    X, y = wave(2000, 96)
    fitted = regressor(64, n_jobs, epochs=1).fit(X, y)
    return int(2000 * 60 / seconds_of(lambda: fitted.fit(X, y)))


def interrupt(n_jobs):
    """Print the seconds from Ctrl-C to the return of fit, and in fit altogether."""
    X, y = wave(rows_of_a_minute(n_jobs), 96)
    sent = []

    def send():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    # A job in the background ignores it, unless told otherwise.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Late enough to be in the epoch; tries come at other places of it.
    timer = threading.Timer(3 + np.random.default_rng().random(), send)
    started = time.perf_counter()
    timer.start()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        regressor(64, n_jobs, epochs=1, batch_size=32).fit(X, y)
    ended = time.perf_counter()
    timer.join()
    assert any("interrupted" in str(each.message) for each in caught)
    print(ended - sent[0], ended - started, len(X))


# %%
# Forks
def fork():
    """Print the seconds of a fit in a forked child, or that it did not end."""
    X, y = wave(2000, 24)
    fitted = regressor(32, n_jobs=2, epochs=2).fit(X, y)
    fitted.predict(X)
    start = time.perf_counter()
    child = os.fork()
    if child == 0:
        fitted.fit(X, y).predict(X)
        os._exit(0)
    while time.perf_counter() - start < FORK_TIMEOUT:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            seconds = time.perf_counter() - start
            print(f"ended with status {status} after {seconds:.2f} s")
            return
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print(f"did not end within {FORK_TIMEOUT} s")


# %%
# Threads
def threads(repeats):
    """Print the throughput of two fits in two threads, as a multiple of one's."""
    X, y = wave(2000, 24)

    def fit():
        regressor(50, epochs=10).fit(X, y)

    def one_after_the_other():
        fit()
        fit()

    with ThreadPoolExecutor(2) as pool:

        def together():
            for future in [pool.submit(fit), pool.submit(fit)]:
                future.result()

        together()
        contestants = {"one": one_after_the_other, "two": together}
        seconds = race(contestants, repeats)
    print(
        f"{seconds['one'] / seconds['two']:.2f} x "
        f"({seconds['two']:.2f} s instead of {seconds['one']:.2f} s)"
    )


# %%
def printed(*arguments):
    """Return what a part prints in a process of its own."""
    command = [sys.executable, __file__, *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


def main(tries, repeats):
    """Print what was found."""
    for n_jobs in (1, 2):
        lines = [printed("--interrupt", n_jobs).split() for _ in range(tries)]
        waits = [float(line[0]) for line in lines]
        print(
            f"Ctrl-C, n_jobs={n_jobs}, epochs of {int(lines[0][2]):,} rows x 96, about "
            f"a minute: fit returned after {statistics.median(waits):.3f} s, at most "
            f"{max(waits):.3f} s, in {tries} tries (reach: 0.2 s)",
            flush=True,
        )
    print("a fit in a forked child after one in its parent:", printed("--fork"))
    print("two fits in two threads:", printed("--threads", repeats), "(reach: 2)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--interrupt", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--fork", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.interrupt:
        interrupt(given.interrupt)
    elif given.fork:
        fork()
    elif given.threads:
        threads(given.threads)
    else:
        main(given.tries, given.repeats)
