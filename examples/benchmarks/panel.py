"""
A panel of ten thousand series beside one series with as many rows
==================================================================

Prints seconds (the median of three turns) and the growth of resident memory (the
largest) for windows of 24, one epoch of training (8 units, batches of 1,024) and
predictions, on 2,000,000 rows in float64: as 10,000 groups of 200 days, sorted and
shuffled, and as one series of minutes. Each turn runs in a process of its own. The rows
take 16 MB a column; windows as an array would take 192 MB. Run: ``python panel.py``.
"""

# %%
import json
import statistics
import subprocess
import sys
import time

from memory import Peak

N_GROUPS, N_DAYS, WINDOW = 10_000, 200, 24
KINDS = ["one series", "panel", "panel, shuffled"]
STAGES = ["windows", "fit", "predict"]


def rows_of(kind):
    """Return X, y and the SlidingWindow that reads them."""
    import numpy as np
    import pandas as pd

    from sklstm import SlidingWindow

    rng = np.random.default_rng(0)
    t = np.arange(N_GROUPS * N_DAYS)
    sales = np.sin(t / 20) + rng.normal(size=len(t)) / 10
    if kind == "one series":
        minutes = pd.date_range("2020-01-01", periods=len(t), freq="min")
        X = pd.DataFrame({"sales": sales}, index=minutes)
        return X, X["sales"], SlidingWindow(WINDOW)
    stores = [f"store {number:05d}" for number in range(N_GROUPS)]
    days = pd.date_range("2024-01-01", periods=N_DAYS)
    X = pd.DataFrame(
        {
            "store": np.repeat(stores, N_DAYS),
            "day": np.tile(days, N_GROUPS),
            "sales": sales,
        }
    )
    if kind == "panel, shuffled":
        X = X.iloc[rng.permutation(len(X))].reset_index(drop=True)
    return X, X["sales"], SlidingWindow(WINDOW, groups="store", time="day")


def measure(kind):
    """Print seconds and megabytes of each stage as JSON."""
    from sklstm import LSTMRegressor

    X, y, sliding_window = rows_of(kind)
    lstm = LSTMRegressor(units=8, epochs=1, batch_size=1024, random_state=0)
    some = X["store"].isin(X["store"][:5]) if "store" in X else y.index[:1000]
    lstm.fit(sliding_window.fit_transform(X.loc[some]), y.loc[some])  # imports
    results = []

    def run(work):
        start = time.perf_counter()
        with Peak() as peak:
            result = work()
        results.append((time.perf_counter() - start, peak.growth))
        return result

    windows = run(lambda: sliding_window.fit_transform(X))
    run(lambda: lstm.fit(windows, y))
    run(lambda: lstm.predict(windows))
    print(json.dumps(results))


def main():
    """Print the table."""
    turns = {kind: [] for kind in KINDS}
    for kind in KINDS * 3:
        command = [sys.executable, __file__, kind]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        turns[kind].append(json.loads(done.stdout.splitlines()[-1]))
    measured = {}
    for kind, results in turns.items():
        stages = list(zip(*results, strict=True))
        measured[kind] = [
            [statistics.median(s for s, _ in stage), max(mb for _, mb in stage)]
            for stage in stages
        ]
    print(f"{'':18}" + "".join(f"{stage:>22}" for stage in [*STAGES, "together"]))
    for kind, results in measured.items():
        results.append([sum(r[0] for r in results), max(r[1] for r in results)])
        first = measured["one series"]
        cells = [
            f"{s:7.2f} s {s / one:4.1f} x {mb:5.0f} MB"
            for (s, mb), (one, _) in zip(results, first, strict=True)
        ]
        print(f"{kind:18}" + "".join(f"{cell:>22}" for cell in cells), flush=True)
    print("reach: 1.2 x, together")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(sys.argv[1])
    else:
        main()
