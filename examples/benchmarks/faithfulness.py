"""
Which way of finding what mattered is to be trusted
===================================================

Compares ways to say which values of a window mattered for a prediction: integrated
gradients (what ``contributions`` does), gradient x value, and occlusion, each against
the same flat window. The deletion test: the values said to push the prediction up most
(down most) are replaced by those of the flat window, a share at a time, and the
prediction is computed anew. The more it falls (rises), averaged over the shares, the
more faithful the way. Figures are in percent of the target's standard deviation;
*random* replaces values in random order. *sum* is the mean distance between the sum of
what is said of all values and the prediction less that of the flat window.

The networks: the default on the airline passengers and their month, which is all but
linear; one without a highway on the same, and on the Mackey-Glass equation six steps
ahead, which is strongly nonlinear; and the adding problem of ``adding_problem.py``,
where two marked steps of 110 decide, and *hits* is the share of them among the two
steps with the largest size.

Run: ``python faithfulness.py``.
"""

# %%
import time

import numpy as np
from adding_problem import long_memory, sequences

from sklstm import LSTMRegressor, SlidingWindow, contributions, load_airline_passengers

SHARES = (0.02, 0.05, 0.1, 0.2, 0.4)


def flat_windows(windows):
    """Return windows whose true steps hold their channel's mean."""
    means = np.nanmean(windows, axis=1, keepdims=True)
    return np.where(np.isnan(windows), np.nan, np.broadcast_to(means, windows.shape))


def integrated_gradients(lstm, windows):
    """Return what ``contributions`` says, in the shape of the windows."""
    frame = contributions(lstm, windows, rows=slice(None))
    return frame.to_numpy().reshape(windows.shape)


def gradient_times_value(lstm, windows):
    """Return the change that a thousandth of the way from the flat window makes."""
    flat = flat_windows(windows)
    share = 1e-3
    return changes_of_each(lstm, windows, windows + share * (flat - windows)) / share


def occlusion(lstm, windows):
    """Return the change of the prediction when one value is made flat."""
    return changes_of_each(lstm, windows, flat_windows(windows))


def changes_of_each(lstm, windows, others):
    """Return by how much predictions fall when each value is replaced alone."""
    _, window, n_channels = windows.shape
    predicted = lstm.predict(windows)
    changes = np.zeros(windows.shape)
    for step in range(window):
        for channel in range(n_channels):
            changed = windows.copy()
            changed[:, step, channel] = others[:, step, channel]
            changes[:, step, channel] = predicted - lstm.predict(changed)
    return changes


def deletion(lstm, windows, scores):
    """Return by how much predictions move as said, averaged over shares and rows."""
    flat = flat_windows(windows).reshape(len(windows), -1)
    table = windows.reshape(len(windows), -1)
    is_missing = np.isnan(table)
    scores = scores.reshape(table.shape)
    predicted = lstm.predict(windows)
    n_true = (~is_missing).sum(axis=1)
    moves = []
    for sign in (1, -1):
        order = np.argsort(np.where(is_missing, np.inf, -sign * scores), axis=1)
        rank = np.argsort(order, axis=1)
        for share in SHARES:
            is_replaced = rank < np.ceil(share * n_true)[:, None]
            changed = np.where(is_replaced, flat, table).reshape(windows.shape)
            moves.append(sign * (predicted - lstm.predict(changed)))
    return np.mean(moves)


def airline(highway=True):
    """Return a network of the airline passengers and windows that it has not seen."""
    X = load_airline_passengers()
    X["month"] = X.index.month
    windows = SlidingWindow(24, known="month").fit_transform(X)
    y = X["passengers"].to_numpy()
    lstm = LSTMRegressor(highway=highway, learning_rate=0.01, random_state=0)
    return lstm.fit(windows[:-36], y[:-36]), windows[-36:], y[-36:]


def airline_without_highway():
    """Return a network that has to find everything itself."""
    return airline(highway=False)


def mackey_glass():
    """Return a network of the Mackey-Glass equation, and windows to come."""
    n_rows, delay, step = 3000, 170, 0.1
    x = np.full(delay + 10 * (n_rows + 500), 1.2)
    for t in range(delay, len(x)):
        late = x[t - delay]
        x[t] = x[t - 1] + step * (0.2 * late / (1 + late**10) - 0.1 * x[t - 1])
    series = x[-10 * n_rows :: 10]
    windows = SlidingWindow(20, horizon=6).fit_transform(series[:, None])
    lstm = LSTMRegressor(highway=False, learning_rate=0.01, random_state=0)
    lstm.fit(windows[:2500], series[:2500])
    print("R2 of Mackey-Glass:", lstm.score(windows[2500:], series[2500:]))
    return lstm, windows[2500:2700], series[2500:2700]


def adding():
    """Return a network that has solved the adding problem, and new sequences."""
    lstm, *_ = long_memory(100, seed=0)
    windows, y, _ = sequences(200, 100, np.random.default_rng(2026))
    return lstm, windows, y


def hits(windows, scores):
    """Return the share of marked steps among the two that are said to matter most."""
    size = np.nan_to_num(np.abs(scores).sum(axis=2))
    chosen = np.argsort(-size, axis=1)[:, :2]
    return np.mean(np.take_along_axis(windows[:, :, 1], chosen, axis=1) == 1)


def main():
    """Print a table for each series."""
    ways = {
        "integrated gradients": integrated_gradients,
        "gradient x value": gradient_times_value,
        "occlusion": occlusion,
    }
    for task in (airline, airline_without_highway, mackey_glass, adding):
        lstm, windows, y = task()
        windows = windows.astype(np.float64)
        scale = 100 / y.std()
        whole = lstm.predict(windows) - lstm.predict(flat_windows(windows))
        print(f"\n{task.__name__}: {len(windows)} windows of {windows.shape[1:]}")
        print("| way | deletion | sum | hits | s |\n|---|---|---|---|---|")
        noise = np.random.default_rng(0).normal(size=windows.shape)
        print(f"| random | {scale * deletion(lstm, windows, noise):.2f} | | | |")
        for name, way in ways.items():
            start = time.perf_counter()
            scores = way(lstm, windows)
            seconds = time.perf_counter() - start
            moved = scale * deletion(lstm, windows, scores)
            gap = scale * np.abs(np.nansum(scores, axis=(1, 2)) - whole).mean()
            found = f"{hits(windows, scores):.2f}" if task is adding else ""
            print(f"| {name} | {moved:.2f} | {gap:.3f} | {found} | {seconds:.2f} |")


if __name__ == "__main__":
    main()
