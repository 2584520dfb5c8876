"""
A service that learns from each new row
=======================================

A service forecasts the next value, sees what comes, and goes on learning: for each row
a ``forecast``, then an ``update``. The pipeline is all the state there is; it can be
pickled between two rows. Does learning from every row pay? The same months forecast
without it, and with a fit from scratch every month, say so.
"""

# %%
# Fit once on what there is
# -------------------------
import pickle
import time

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.pipeline import make_pipeline

from sklstm import (
    LSTMRegressor,
    SlidingWindow,
    forecast,
    load_airline_passengers,
    symmetric_mean_absolute_percentage_error,
    update,
)

X = load_airline_passengers()
y = X["passengers"]
n_rows = 84  # 1949 to 1955
pipe = make_pipeline(SlidingWindow(), LSTMRegressor(random_state=0))
pipe.fit(X[:n_rows], y[:n_rows])
state = pickle.dumps(pipe)
print(f"the service's state: {len(state) / 1024:.0f} kB")

# %%
# A row at a time
# ---------------
# ``forecast`` needs the newest row alone, since the pipeline keeps the rows before it
# as its context. ``update`` makes the window of the new row, lets ``partial_fit`` learn
# from it, and moves the context along. All of it is kept in the pickle.
months, online, seconds = [], [], []
for row in range(n_rows, len(X)):
    start = time.perf_counter()
    service = pickle.loads(state)
    predicted = forecast(service, X[row - 1 : row], steps=1)
    # ... the month passes, and its value is known.
    update(service, X[row : row + 1], y[row : row + 1])
    state = pickle.dumps(service)
    seconds.append(time.perf_counter() - start)
    months.append(predicted.index[0])
    online.append(predicted.iloc[0])

# %%
# The same months without learning, and with a fit from scratch every month
# -------------------------------------------------------------------------
# Without learning the context moves all the same: ``predict`` on the rows after those
# of ``fit`` sees every true row before each of them.
never = pipe.predict(X[n_rows:])
anew = []
start = time.perf_counter()
for row in range(n_rows, len(X)):
    pipe.fit(X[:row], y[:row])
    anew.append(forecast(pipe, X[:row], steps=1).iloc[0])
seconds_anew = (time.perf_counter() - start) / len(anew)

table = pd.DataFrame(
    {"update": online, "fitted once": never, "fitted anew": anew}, index=months
)
truth = y[n_rows:]
errors = pd.DataFrame(
    {
        "MAE": table.sub(truth, axis=0).abs().mean(),
        "sMAPE": [
            symmetric_mean_absolute_percentage_error(truth, table[name])
            for name in table
        ],
    }
)
print(errors.round(2).to_string())
print(
    f"a month costs {1000 * sum(seconds) / len(seconds):.0f} ms with updates, "
    f"{1000 * seconds_anew:.0f} ms with a fit from scratch"
)

# %%
# The picture
# -----------
figure, axes = plt.subplots(2, 1, figsize=(8, 6), layout="constrained", sharex=True)
axes[0].plot(truth, color="black", label="passengers")
axes[0].plot(table["update"], color="C3", marker="o", markersize=3, label="forecast")
axes[0].set(title="A service that learns from each month", ylabel="thousands a month")
axes[0].legend(loc="upper left")
missed = table.sub(truth, axis=0).abs()
for name, style in [("update", "-"), ("fitted once", ":"), ("fitted anew", "--")]:
    axes[1].plot(missed[name].rolling(12).mean(), style, label=name)
axes[1].set(title="Mean absolute error of twelve months", ylabel="thousands a month")
axes[1].legend(loc="upper left")
figure.savefig("online_updates.png", dpi=120)
print("saved online_updates.png")

# %%
# On this series updates do not pay: with them the error is 10.5 thousand, without any
# learning it is 10.2. A fit from scratch every month brings it to 9.5, since the
# highway then sees the new rows and the prior is weighed anew; an update is one epoch
# of the network over one row. ``backtest(..., refit="update")`` beside ``refit=True``
# says beforehand which of them a series needs.
