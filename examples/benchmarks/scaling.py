"""
How the cost of training grows
==============================

Times an epoch while rows, window or units grow, and prints how many times longer it
takes, next to how many times more arithmetic it is (multiplications of the matrix
products). The cost must grow no faster than the arithmetic.

Run: ``python scaling.py [--repeats 5]``.
"""

# %%
import argparse

import numpy as np
from _race import race

from sklstm import LSTMRegressor

ROWS, WINDOW, UNITS, EPOCHS = 250, 12, 16, 100


def fit(rows, window, units):
    """Return a function that trains on noise of a given size."""
    series = np.random.default_rng(0).normal(size=rows + window).astype(np.float32)
    X = np.lib.stride_tricks.sliding_window_view(series, window)[:-1, :, None]
    y = series[window:]
    regressor = LSTMRegressor(
        units,
        patch=1,
        epochs=EPOCHS,
        early_stopping=False,
        prior=False,
        random_state=0,
    )
    return lambda: regressor.fit(X, y)


def arithmetic(rows, window, units):
    """Return the multiplications of an epoch."""
    return rows * window * (1 + units) * 4 * units * 3


def main(repeats):
    """Print one table for each of rows, window and units."""
    base = {"rows": ROWS, "window": WINDOW, "units": UNITS}
    factors = {"rows": 64, "window": 16, "units": 8}
    for name, most in factors.items():
        steps = [2**k for k in range(most.bit_length())]
        sizes = {k: base | {name: base[name] * k} for k in steps}
        runs = {k: fit(**size) for k, size in sizes.items()}
        for run in runs.values():
            run()
        seconds = race(runs, repeats)
        print(f"\n{name:>8}{'ms/epoch':>12}{'time':>10}{'arithmetic':>13}")
        for k, size in sizes.items():
            growth = arithmetic(**size) / arithmetic(**base)
            print(
                f"{size[name]:8}{seconds[k] / EPOCHS * 1e3:12.1f}"
                f"{seconds[k] / seconds[1]:9.1f}x{growth:12.1f}x",
                flush=True,
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    main(parser.parse_args().repeats)
