"""
Why it works
============

Six ingredients of the default settings, each beside the same network without it, on
series where it matters: centring on the last value, the linear highway, the prior,
patches of long windows, Huber's loss, and the sizes of the series of a panel.
"""

# %%
# The series
# ----------
# The airline passengers, monthly, which keep growing beyond everything in the training
# rows; and hourly series of the M4 competition, with days and weeks in them.
import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import mean_absolute_error
from sklearn.pipeline import make_pipeline

from sklstm import (
    LSTMRegressor,
    SlidingWindow,
    load_airline_passengers,
    load_m4_hourly,
    symmetric_mean_absolute_percentage_error,
)

air = load_airline_passengers()
hourly = load_m4_hourly().query("series == 'H4'").set_index("hour")[["value"]]


def tried(rows, n_test, window, **params):
    """Return one-step predictions of the newest rows, their MAE and the seconds."""
    name = rows.columns[0]
    lstm = LSTMRegressor(random_state=0, **params)
    pipe = make_pipeline(SlidingWindow(window), lstm)
    start = time.perf_counter()
    pipe.fit(rows[:-n_test], rows[name][:-n_test])
    seconds = time.perf_counter() - start
    predicted = pipe.predict(rows[-n_test:])
    return predicted, mean_absolute_error(rows[name][-n_test:], predicted), seconds


# %%
# Last-value centring
# -------------------
# A standardised network has never seen values as large as those of the last years, and
# its cells saturate. Windows less their last value look alike at every level. The
# highway is off in both.
plain = {"highway": False, "learning_rate": 0.005}
centring = {
    "standardised": tried(air, 36, 12, scaling="standard", **plain),
    "centred": tried(air, 36, 12, scaling="last", **plain),
}

# %%
# The highway
# -----------
# Most of the next value is linear in the past. A ridge regression finds that in closed
# form; gradient steps take long for it.
highway = {
    "network alone": centring["centred"],
    "on a highway": tried(air, 36, 12, prior=False),
}

# %%
# The prior
# ---------
# Four years are not enough to learn from. The prior, an LSTM that was trained
# beforehand on synthetic series, has seen many seasons that grow: the highway starts
# from its forecast where tests on later rows speak for it.
young = air[:84]
prior = {
    "without": tried(young, 36, "auto", prior=False),
    "with the prior": tried(young, 36, "auto"),
}

# %%
# Patches
# -------
# A window of a week has 168 steps. Read step by step, the network is slow to learn what
# happened a week ago; in 14 patches of 12 hours it is 14 steps away.
patches = {
    "step by step": tried(hourly, 168, 168, highway=False, patch=1, epochs=30),
    "in patches": tried(hourly, 168, 168, highway=False, epochs=30),
}

# %%
# Huber's loss
# ------------
# Three months of the training rows get a zero too many, as a hand might type them. The
# squared error bends the network to them; the highway is off, since it is a fit of the
# squared error itself.
typed = air.copy()
typed.iloc[[40, 65, 90]] *= 10
huber = {
    "squared error": tried(typed, 36, 12, loss="mse", scaling="last", **plain),
    "Huber's loss": tried(typed, 36, 12, loss="huber", scaling="last", **plain),
}

# %%
# The scaling of a panel
# ----------------------
# The largest of the 24 series is hundreds of times the smallest. In one unit for all
# the largest speaks alone; in logarithms, which the validation rows prefer to sizes
# here, all are alike.
panel = load_m4_hourly()
is_test = panel["hour"] > panel.groupby("series")["hour"].transform("max") - 24


def error_of_each_series(**params):
    """Return the symmetric percentage error of the last day of each series."""
    pipe = make_pipeline(
        SlidingWindow(24, season=24, groups="series", time="hour"),
        LSTMRegressor(random_state=0, **params),
    ).fit(panel[~is_test], panel["value"][~is_test])
    test = panel[is_test].assign(predicted=pipe.predict(panel[is_test]))
    return pd.Series(
        {
            name: symmetric_mean_absolute_percentage_error(
                rows["value"], rows["predicted"]
            )
            for name, rows in test.groupby("series")
        }
    )


scaling = {
    "one unit": error_of_each_series(scaling="standard"),
    "each in its own": error_of_each_series(),
}

# %%
# What each of them fixes
# -----------------------
figure, axes = plt.subplots(6, 1, figsize=(8, 17), layout="constrained")
parts = {
    "Last-value centring, airline passengers": (air, 36, centring),
    "The linear highway, airline passengers": (air, 36, highway),
    "The prior, airline passengers until 1955": (young, 36, prior),
    "Patches of a week, M4 hourly H4": (hourly, 72, patches),
    "Huber's loss, airline passengers with three typing errors": (air, 36, huber),
}
for ax, (title, (rows, n_shown, results)) in zip(axes, parts.items(), strict=False):
    truth = rows.iloc[-n_shown:, 0].to_numpy()
    ax.plot(np.arange(n_shown), truth, color="0.4", linewidth=3, label="true")
    for style, (name, (predicted, error, seconds)) in zip(
        ("--", "-"), results.items(), strict=True
    ):
        label = f"{name}: MAE {error:.1f}, {seconds:.1f} s"
        ax.plot(np.arange(n_shown), predicted[-n_shown:], style, label=label)
    ax.set_title(title)
    ax.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
axes[-2].set_xlabel("test row")
order = scaling["one unit"].sort_values().index
for style, (name, errors) in zip("^o", scaling.items(), strict=True):
    label = f"{name}: sMAPE {errors.mean():.2f} %"
    axes[-1].semilogy(order, errors[order], style, label=label)
axes[-1].set_title("The scaling of a panel, 24 series of M4 hourly")
axes[-1].set_ylabel("sMAPE of the last day")
axes[-1].tick_params("x", rotation=90)
axes[-1].legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
for title, (_, _, results) in parts.items():
    print(title)
    for name, (_, error, seconds) in results.items():
        print(f"  {name:16} MAE {error:7.2f}   fit {seconds:5.1f} s")
print("The scaling of a panel, 24 series of M4 hourly")
for name, errors in scaling.items():
    print(f"  {name:16} sMAPE {errors.mean():6.2f} %")
plt.show()
