"""
Memory of a long fit, of a search, and of predictions
=====================================================

Prints the growth of resident memory, each in a process of its own:

- one epoch on 1,000,000 rows with windows of 168, 8 units, batches of 1,024: the peak
  above the imported libraries. Windows alone, materialised, would take 672 MB.
- 200 fits of one architecture: what each fit after the third leaves behind.
- predictions for 10,000 and for 100,000 windows: the peak above the model and the data.

Run: ``python memory.py``.
"""

# %%
import resource
import subprocess
import sys
import threading
import time

import numpy as np

N_FITS = 200


def resident():
    """Return the resident memory of this process in MB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


class Peak:
    """The highest resident memory while a block runs, in MB above its beginning."""

    def __enter__(self):
        """Begin to watch."""
        self.start = self.top = resident()
        self.is_over = False
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def _watch(self):
        while not self.is_over:
            self.top = max(self.top, resident())
            time.sleep(0.002)

    def __exit__(self, *_):
        """Stop watching."""
        self.is_over = True
        self.thread.join()

    @property
    def growth(self):
        """Megabytes above the beginning."""
        return self.top - self.start


def windows_and_target(rows, window):
    """Return windows as a view, and their target."""
    from sklstm import SlidingWindow

    t = np.arange(rows, dtype=np.float32)
    series = np.sin(t / 20) + np.random.default_rng(0).normal(size=rows) / 10
    series = series.astype(np.float32)
    return SlidingWindow(window).fit_transform(series[:, None]), series


def long_fit():
    """Print the peak of one epoch on a million rows."""
    from sklstm import LSTMRegressor

    LSTMRegressor(2, epochs=1).fit(*windows_and_target(100, 4))
    X, y = windows_and_target(1_000_000, 168)
    with Peak() as peak:
        # Step by step, though windows of this length are read in patches by default.
        LSTMRegressor(8, patch=1, epochs=1, batch_size=1024, random_state=0).fit(X, y)
    print(f"fit, 1,000,000 rows x window 168: {peak.growth:8.1f} MB (reach: 150)")


def search():
    """Print the growth of each fit after the third."""
    from sklstm import LSTMRegressor

    X, y = windows_and_target(97, 3)
    for fit in range(N_FITS):
        LSTMRegressor(50, epochs=5, random_state=fit).fit(X, y)
        if fit == 2:
            start = resident()
    growth = (resident() - start) / (N_FITS - 3)
    print(f"growth of a fit after the third:  {growth:8.4f} MB (reach: 0.01)")


def predictions():
    """Print the peak of predictions for ten and a hundred thousand windows."""
    from sklstm import LSTMRegressor

    X, y = windows_and_target(100_000, 48)
    fitted = LSTMRegressor(32, epochs=1).fit(X[:100], y[:100])
    fitted.predict(X[:100])
    for rows in (10_000, 100_000):
        with Peak() as peak:
            fitted.predict(X[:rows])
        print(f"predict, {rows:7,} windows of 48:  {peak.growth:11.1f} MB", flush=True)


if __name__ == "__main__":
    parts = {"long_fit": long_fit, "search": search, "predictions": predictions}
    if len(sys.argv) > 1:
        parts[sys.argv[1]]()
    else:
        for name in parts:
            subprocess.run([sys.executable, __file__, name], check=True)
