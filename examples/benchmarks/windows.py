"""
Windows of a long series: time and memory of SlidingWindow
==========================================================

Prints how long ``fit_transform`` takes on 5,000,000 rows with windows of 168, and how
much it adds to peak memory, as a multiple of the float32 series (20 MB). Copied
windows would take 168 times as much. Run it from anywhere: ``python windows.py``.
"""

# %%
import time
import tracemalloc

import numpy as np
import pandas as pd

from sklstm import SlidingWindow

N_ROWS, WINDOW = 5_000_000, 168
values = np.random.default_rng(0).normal(size=(N_ROWS, 1)).astype(np.float32)
minutes = pd.date_range("2000-01-01", periods=N_ROWS, freq="min")
containers = {
    "array": values,
    "RangeIndex": pd.DataFrame(values),
    "DatetimeIndex": pd.DataFrame(values, index=minutes),
    "DatetimeIndex without freq": pd.DataFrame(
        values, index=pd.DatetimeIndex(minutes.array, freq=None)
    ),
    "PeriodIndex": pd.DataFrame(values, index=minutes.to_period("min")),
}


def seconds(X):
    """Return the median time of five runs."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        SlidingWindow(WINDOW).fit_transform(X)
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def peak(X):
    """Return the peak of newly allocated memory in bytes."""
    tracemalloc.start()
    windows = SlidingWindow(WINDOW).fit_transform(X)
    top = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert windows.shape == (N_ROWS, WINDOW, 1)
    return top


print(f"{'container':28} {'seconds':>8} {'peak / series':>14}")
for name, X in containers.items():
    print(f"{name:28} {seconds(X):8.3f} {peak(X) / values.nbytes:14.2f}")
