"""
Intervals: how far may the truth lie from the forecast?
=======================================================

A forecast without an interval says nothing about its own error. The errors of earlier
forecasts do: ``backtest`` collects them out of sample, for each step ahead, and
``forecast(..., coverage=0.9, residuals=...)`` puts as much room around each value as
held nine of ten of them (conformal prediction; newer errors weigh more). Whether such
intervals hold what they promise can be measured, and is.
"""

# %%
# Residuals first
# ---------------
# Seven years of forecasts, twelve months from every month.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import TimeSeriesSplit
from sklearn.pipeline import make_pipeline

from sklstm import (
    LSTMRegressor,
    SlidingWindow,
    backtest,
    forecast,
    load_airline_passengers,
)

X = load_airline_passengers()
y = X["passengers"]
pipe = make_pipeline(SlidingWindow(), LSTMRegressor(steps=12, random_state=0))
result = backtest(pipe, X, y, cv=TimeSeriesSplit(7, test_size=12), steps=12)
print(f"residuals: {result.residuals.shape[0]} origins, 12 steps")

# %%
# Did they hold?
# --------------
# ``calibration`` goes back to each origin and makes the interval from the residuals
# that were known by then, and from no later one.
print(result.calibration((0.5, 0.8, 0.9)).round(2).to_string())

# %%
# A network that learns quantiles has intervals of its own, ``coverage`` alone asks for
# them. What it learns of its errors on the rows that it learned from is often too
# narrow, and a backtest says by how much: with ``residuals`` both ends are moved so far
# that they would have held their share (conformalised quantile regression).
quantiles = make_pipeline(
    SlidingWindow(),
    LSTMRegressor(quantiles=(0.05, 0.5, 0.95), random_state=0),
)
learned = backtest(quantiles, X, y, cv=TimeSeriesSplit(7, test_size=12))
held = np.mean(learned.quantile_residuals(0.9) <= 0)
print(f"quantiles meant to hold 0.90 held {held:.2f}")
print(learned.calibration([0.9]).round(2).to_string())
quantiles.fit(X, y)
raw = forecast(quantiles, X, steps=1, coverage=0.9)
moved = forecast(quantiles, X, steps=1, coverage=0.9, residuals=learned)
print(f"as learned, then calibrated:\n{raw.round(0).to_string(header=False)}")
print(moved.round(0).to_string(header=False))

# %%
# The year to come
# ----------------
# Columns ``passengers``, ``passengers_lower`` and ``passengers_upper``; intervals of a
# wider coverage contain those of a narrower one.
pipe.fit(X, y)
made = {
    coverage: forecast(pipe, X, 12, coverage=coverage, residuals=result)
    for coverage in (0.5, 0.8, 0.9)
}
print(made[0.9].round(0).head(3).to_string())

figure, axes = plt.subplots(2, 1, figsize=(8, 7), layout="constrained")
past = result.intervals(0.9)
past = past[past["step"] == 1]
axes[0].fill_between(
    past.index, past["y_lower"], past["y_upper"], color="C3", alpha=0.25, label="0.9"
)
axes[0].plot(past["y_pred"], color="C3", label="one month ahead")
is_out = ~past["y_true"].between(past["y_lower"], past["y_upper"])
axes[0].plot(past["y_true"], "k.", label="passengers")
axes[0].plot(past["y_true"][is_out], "kx", markersize=9, label="outside")
axes[0].set(
    title=f"{np.mean(~is_out):.0%} of the months within intervals of 90%",
    ylabel="thousands a month",
)
axes[1].plot(y["1958":], color="black", label="passengers")
shades = {0.5: "#d9695b", 0.8: "#eba79e", 0.9: "#f7d9d5"}
for coverage, rows in reversed(made.items()):
    axes[1].fill_between(
        rows.index,
        rows["passengers_lower"],
        rows["passengers_upper"],
        color=shades[coverage],
        label=f"{coverage:g}",
    )
axes[1].plot(made[0.9]["passengers"], color="black", linestyle=":", label="forecast")
axes[1].set(title="1961, forecast in December 1960", ylabel="thousands a month")
for ax in axes:
    ax.legend(loc="upper left", ncols=2)
figure.savefig("intervals.png", dpi=120)
print("saved intervals.png")

# %%
# Intervals of 0.5, 0.8 and 0.9 held 0.49, 0.78 and 0.89 of the values: 60 to 70 origins
# a step leave that much to chance. The quantile network's own intervals of 0.9 held
# 0.88, one month ahead, and 0.89 once they were calibrated, which says little of other
# series: ``benchmarks/intervals.py`` measures all three on twelve public ones.
