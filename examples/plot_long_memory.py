"""
Long memory: the adding problem, and the gates at the marked steps
==================================================================

What does *long short-term memory* mean? Experiment 4 of Hochreiter & Schmidhuber 1997
(doi:10.1162/neco.1997.9.8.1735) asks for it: in a long sequence of numbers two are
marked, long before the end, and at the end their sum is wanted. Everything between is
noise. Here the sequences grow from 50 to 500 steps, and the gates show how it is done.
"""

# %%
# The sequences
# -------------
# As in 1997: T to 1.1 T steps of numbers in [-1, 1]; one of the first ten is marked
# with a 1, and another one of the first half; both ends are marked with -1; the target
# is 0.5 + (a + b) / 4. Windows are given as a 3-D array. Sequences that are shorter
# than the window begin later: their oldest steps are NaN, and the network masks them.
import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklstm import ContributionDisplay, GateDisplay, LSTMRegressor, gates


def sequences(n, length, rng):
    """Return n windows, their targets, and the two marked steps of each."""
    window = length + length // 10
    begins = window - rng.integers(length, window + 1, n)
    values = rng.uniform(-1, 1, (n, window))
    first = rng.integers(0, 10, n)
    second = rng.integers(0, length // 2 - 2, n)
    second += second >= first
    rows = np.arange(n)
    values[rows, begins] *= (first > 0) & (second > 0)  # a mark on the first step: 0
    marks = np.zeros((n, window))
    marks[rows, begins] = marks[:, -1] = -1
    marked = begins[:, None] + np.stack([first, second], axis=1)
    marks[rows[:, None], marked] = 1
    windows = np.stack([values, marks], axis=2)
    windows[np.arange(window) < begins[:, None]] = np.nan
    return windows, 0.5 + values[rows[:, None], marked].sum(axis=1) / 4, marked


# %%
# A network that remembers from the start
# ---------------------------------------
# The cell state passes from step to step times the forget gate. Keras's usual bias of 1
# opens that gate to 0.73, and 0.73 to the power of 100 is nothing: no error at the end
# says anything about the beginning, and nothing is learned. The network of 1997 had no
# forget gate; its cells kept everything. The like of it today is a bias that opens the
# gates for as many steps as the sequences have, in some units fewer (Tallec & Ollivier
# 2018, arXiv:1804.11188). Weights are plain arrays, so it can be set: a first
# ``partial_fit`` makes them, the next ones go on from there, each on new sequences.
UNITS = 16


def untrained(length, rng, is_open=True):
    """Return a plain network, its forget gates opened for a long memory or not."""
    lstm = LSTMRegressor(
        UNITS,
        scaling=None,
        highway=False,
        patch=1,
        loss="mse",
        learning_rate=0.01,
        optimizer_params={"global_clipnorm": 1.0},
        random_state=0,
    )
    lstm.partial_fit(*sequences(32, length, rng)[:2])
    if is_open:
        memory = np.log(rng.uniform(1, length, UNITS))
        bias = lstm.weights_[2]  # input, forget, candidate and output gate
        bias[:UNITS], bias[UNITS : 2 * UNITS] = -memory, memory
    return lstm


def learn(lstm, length, rng, most):
    """Train on new sequences until 2,000 in a row come out within 0.04, as in 1997."""
    n_sequences = 32
    while n_sequences < most:
        windows, targets, _ = sequences(2000, length, rng)
        errors = np.abs(lstm.predict(windows) - targets)
        if errors.max() < 0.04:
            break
        lstm.partial_fit(windows, targets)
        n_sequences += 2000
    return n_sequences


# %%
# How far back?
# -------------
# Each network is scored on 2,560 other sequences. Answering 0.5 every time has a mean
# squared error of 1 / 24 = 0.042.
results, networks = [], {}
for length, is_open in [
    (100, False),
    (50, True),
    (100, True),
    (200, True),
    (500, True),
]:
    rng = np.random.default_rng(length)
    start = time.perf_counter()
    lstm = untrained(length, rng, is_open)
    n_sequences = learn(lstm, length, rng, most=50_000)
    seconds = time.perf_counter() - start
    windows, targets, _ = sequences(2560, length, rng)
    errors = np.abs(lstm.predict(windows) - targets)
    results.append(
        {
            "T": length,
            "forget bias": "log(1 … T)" if is_open else "1",
            "sequences": n_sequences,
            "seconds": round(seconds, 1),
            "within 0.04": f"{(errors < 0.04).mean():.2%}",
            "MSE": f"{np.square(errors).mean():.1e}",
        }
    )
    networks[length] = lstm
print(pd.DataFrame(results).to_string(index=False))

# %%
# The gates at the marked steps
# -----------------------------
# Of 200 new sequences of 100 steps and more: the input gate of the unit that listens
# most to marks, and its forget gate, where a number is marked and elsewhere.
length = 100
windows, targets, marked = sequences(200, length, np.random.default_rng(7))
lstm = networks[length]
frame = gates(lstm, windows, rows=slice(None)).reset_index()
step = frame["step"] + windows.shape[1]
is_marked = (step.to_numpy()[:, None] == marked[frame["row"]]).any(axis=1)
means = frame.groupby([frame["unit"], is_marked])[["input", "forget"]].mean()
unit = means["input"].xs(True, level=1).idxmax()
print(means.loc[unit].rename(index={True: "marked", False: "elsewhere"}).round(3))

# %%
# Two of them, the marked steps below triangles; x0 are the numbers, x1 the marks. Input
# gates of a few units open where a number is marked, the cell state takes a step there,
# and forget gates close to 1 carry it over the noise to the end.
display = GateDisplay.from_estimator(lstm, windows, rows=[0, 1])
for column, steps in enumerate(marked[:2] - windows.shape[1]):
    for ax in display.axes_[:, column]:
        at_top = {"transform": ax.get_xaxis_transform(), "clip_on": False}
        ax.plot(steps, [1.06, 1.06], "v", color="C3", markersize=5, **at_top)
display.figure_.savefig("long_memory_gates.png", dpi=120)
print(
    "targets", targets[:2].round(3), "predictions", lstm.predict(windows)[:2].round(3)
)

# %%
# Which values mattered
# ---------------------
# Of more than 200 values in the window those of the two marked steps decide, one of
# them 100 steps back. That a step is marked (x1) says more than its number, since
# without the mark the number is nothing.
display = ContributionDisplay.from_estimator(lstm, windows, rows=0)
display.figure_.savefig("long_memory_contributions.png", dpi=120)
plt.close("all")

# %%
# With gates that are open from the start 20,000 to 35,000 sequences are enough, for 50
# steps as for 500, where the 1997 network needed 74,000 for T = 100 and 209,000 for
# T = 500.
# With a forget bias of 1 nothing is learned from 50,000.
