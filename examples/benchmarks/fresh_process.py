"""
A fresh process: import, first fit, prediction
==============================================

Times a new Python process that imports sklstm, fits the airline passengers with the
default settings and predicts the next month, next to one that only imports
scikit-learn and pandas: their names alone, and with the rooms of scikit-learn that any
regression in a pipeline needs. Prints the peak of resident memory of each, too. They
take turns. Run: ``python fresh_process.py [--repeats 7]``.
"""

# %%
import argparse
import statistics
import subprocess
import sys
import time

# A child counts its parent's memory as its own until it is another program: this one
# imports next to nothing.
PEAK = """
import resource, sys
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
FIT = """
from sklearn.pipeline import make_pipeline
from sklstm import LSTMRegressor, SlidingWindow, load_airline_passengers
X = load_airline_passengers()
pipe = make_pipeline(SlidingWindow(13), LSTMRegressor(random_state=0))
pipe.fit(X, X["passengers"])
pipe.predict(X)
"""
CODES = {
    "sklstm: import, fit, predict": FIT,
    "import sklearn, pandas": "import pandas, sklearn",
    "… and pipeline, linear_model": (
        "import pandas, sklearn.linear_model, sklearn.pipeline"
    ),
    "import sklstm": "from sklstm import LSTMRegressor, SlidingWindow",
}


def fresh(code):
    """Return seconds and peak megabytes of a new process that runs some code."""
    start = time.perf_counter()
    command = [sys.executable, "-c", code + PEAK]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return time.perf_counter() - start, float(done.stdout.split()[-1])


def main(repeats):
    """Print a row for each process."""
    turns = {name: [] for name in CODES}
    for turn in range(1 + repeats):
        for name, code in CODES.items():
            result = fresh(code)
            if turn > 0:  # files are read from the disk once
                turns[name].append(result)
    medians = {
        name: [statistics.median(column) for column in zip(*results, strict=True)]
        for name, results in turns.items()
    }
    ours = medians["sklstm: import, fit, predict"][0]
    print(f"{'':32}{'s':>8}{'ours / it':>12}{'peak MB':>10}")
    for name, (seconds, megabytes) in medians.items():
        print(f"{name:32}{seconds:8.2f}{ours / seconds:12.2f}{megabytes:10.0f}")
    print("reach: 1.5 x scikit-learn and pandas, 250 MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    main(parser.parse_args().repeats)
