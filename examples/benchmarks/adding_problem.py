"""
The adding problem at growing lengths
=====================================

Experiment 4 of Hochreiter & Schmidhuber 1997 (doi:10.1162/neco.1997.9.8.1735): two
numbers somewhere in a long sequence of numbers are marked, and the network is to give
their sum at the end. Here as there: sequences of T to 1.1 T steps; one marked step
among the first ten and one in the first half; a mark of -1 at both ends; the target
0.5 + (a + b) / 4. Every sequence is new. Training stops when the 2,000 newest
sequences, before they are learned from, all came out with an error below 0.04, and
their mean squared error is below 0.01. The network then learns from 300 T more at a
tenth of the learning rate, and 2,560 others are scored.

The network of 1997 had no forget gate: its cells kept everything. With one, the way to
begin with a long memory is a forget gate that is open by as much as the sequences are
long (Tallec & Ollivier 2018, arXiv:1804.11188, "chrono initialization").

Run: ``python adding_problem.py [--lengths 100 500 1000] [--seeds 3]``.
"""

# %%
import argparse
import time

import numpy as np

from sklstm import LSTMRegressor

# Sequences learned from until the criterion held, and wrong ones of 2,560, in 1997.
PUBLISHED = {100: (74_000, 1), 500: (209_000, 0), 1000: (853_000, 1)}
UNITS, N_FIRST, N_NEWEST, N_TEST, TOLERANCE = 16, 32, 2_000, 2_560, 0.04
N_SLOW_PER_STEP = 300


def sequences(n, length, rng):
    """Return n sequences of the adding problem.

    Parameters
    ----------
    n, length : int
        How many, and T: each has T to 1.1 T steps.
    rng : numpy.random.Generator
        Draws them.

    Returns
    -------
    windows : ndarray of shape (n, 1.1 * length, 2), float32
        Numbers in [-1, 1] and marks; steps before a sequence begins are NaN.
    targets : ndarray of shape (n,)
    marked : ndarray of shape (n, 2), int
        Which steps of the window are marked.
    """
    window = length + length // 10
    lengths = rng.integers(length, window + 1, n)
    begins = window - lengths
    values = rng.uniform(-1, 1, (n, window))
    first = rng.integers(0, 10, n)
    # Any step of the first half but the one marked first.
    second = rng.integers(0, length // 2 - 2, n)
    second += second >= first
    rows = np.arange(n)
    # A mark on the very first pair counts as the value 0.
    values[rows, begins] *= (first != 0) & (second != 0)
    marks = np.zeros((n, window))
    marks[rows, begins] = marks[:, -1] = -1
    marked = np.stack([begins + first, begins + second], axis=1)
    marks[rows[:, None], marked] = 1
    targets = 0.5 + values[rows[:, None], marked].sum(axis=1) / 4
    windows = np.stack([values, marks], axis=2).astype(np.float32)
    windows[np.arange(window) < begins[:, None]] = np.nan
    return windows, targets, marked


def opened(lstm, length, rng):
    """Open the forget gates of a network for as many steps as sequences have."""
    bias = lstm.weights_[2]  # gates in the order input, forget, candidate, output
    memory = np.log(rng.uniform(1, length, UNITS))
    bias[:UNITS], bias[UNITS : 2 * UNITS] = -memory, memory
    return lstm


def long_memory(length, seed, most=300_000):
    """Train until the criterion holds, on new sequences all the time.

    Returns
    -------
    lstm : LSTMRegressor
    n_sequences : int
        How many it learned from.
    seconds : float
        In training, stopping included.
    """
    rng = np.random.default_rng(seed)
    lstm = LSTMRegressor(
        UNITS,
        scaling=None,
        highway=False,
        patch=1,
        loss="mse",
        learning_rate=0.01,
        optimizer_params={"global_clipnorm": 1.0},
        random_state=seed,
    )
    start = time.perf_counter()
    windows, targets, _ = sequences(N_FIRST, length, rng)
    opened(lstm.partial_fit(windows, targets), length, rng)
    n_sequences = len(windows)
    while n_sequences < most:
        windows, targets, _ = sequences(N_NEWEST, length, rng)
        errors = np.abs(lstm.predict(windows) - targets)
        if errors.max() < TOLERANCE and np.square(errors).mean() < 0.01:
            break
        lstm.partial_fit(windows, targets)
        n_sequences += len(windows)
    lstm.set_params(learning_rate=lstm.learning_rate / 10)
    for _ in range(N_SLOW_PER_STEP * length // N_NEWEST):
        lstm.partial_fit(*sequences(N_NEWEST, length, rng)[:2])
        n_sequences += N_NEWEST
    return lstm, n_sequences, time.perf_counter() - start


def main(lengths, n_seeds):
    """Print a row for each length and seed."""
    print("| T | seed | sequences | s | within 0.04 | wrong | MSE | 1997: sequences |")
    print("|---|---|---|---|---|---|---|---|")
    for length in lengths:
        published = "{:,}, {} wrong".format(*PUBLISHED.get(length, (0, 0)))
        for seed in range(n_seeds):
            lstm, n_sequences, seconds = long_memory(length, seed)
            rng = np.random.default_rng([seed, 1])
            windows, targets, _ = sequences(N_TEST, length, rng)
            errors = np.abs(lstm.predict(windows) - targets)
            is_right = errors < TOLERANCE
            print(
                f"| {length} | {seed} | {n_sequences:,} | {seconds:.1f} | "
                f"{is_right.mean():.2%} | {(~is_right).sum()} of {N_TEST:,} | "
                f"{np.square(errors).mean():.2e} | "
                f"{published if length in PUBLISHED else ''} |",
                flush=True,
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lengths", type=int, nargs="+", default=[100, 500, 1000])
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    main(given.lengths, given.seeds)
