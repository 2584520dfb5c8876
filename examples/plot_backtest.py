"""
Backtest: how good would the forecasts have been?
=================================================

A single test period says little. ``backtest`` goes back to many origins, forecasts
from each with what was known then, and puts the errors beside those of forecasts that
cost nothing, on exactly the same rows. Here: how much worse do forecasts of the airline
passengers become with each month ahead, and how often must the network be fitted?
"""

# %%
# Walk forward
# ------------
# The splitter is scikit-learn's own: five folds of one year each. In every fold a clone
# is fitted on the rows before it, and twelve months are forecast from every month. For
# ``season=12`` there is a seasonal naive forecast, and MASE is in its units.
import matplotlib.pyplot as plt
import pandas as pd
from sklearn.model_selection import TimeSeriesSplit
from sklearn.pipeline import make_pipeline

from sklstm import LSTMRegressor, SlidingWindow, backtest, load_airline_passengers

X = load_airline_passengers()
y = X["passengers"]
years = TimeSeriesSplit(5, test_size=12)
pipe = make_pipeline(SlidingWindow(), LSTMRegressor(steps=12, random_state=0))
result = backtest(pipe, X, y, cv=years, steps=12, season=12, verbose=1)
print(result)

# %%
# One row for each origin and step, at the label of the month that was predicted.
print(result.predictions.head(3).to_string())

# %%
# How often to fit?
# -----------------
# In every fold, in the first alone, or in the first with updates by ``partial_fit`` on
# the year that has passed.
runs = {"every year": result}
for name, refit in [("once", False), ("once, then updates", "update")]:
    runs[name] = backtest(pipe, X, y, cv=years, steps=12, season=12, refit=refit)
table = pd.DataFrame({name: run.summary().loc["model"] for name, run in runs.items()})
print(table.T.round(2).to_string())

# %%
# The error by month ahead, and the forecasts themselves
# ------------------------------------------------------
figure, axes = plt.subplots(2, 1, figsize=(8, 7), layout="constrained")
by_step = result.summary(by="step")["MAE"].unstack()
styles = {"model": "-", "ridge": "--", "seasonal naive": ":", "naive": "-."}
for name, style in styles.items():
    axes[0].plot(by_step.index, by_step[name], style, label=name)
axes[0].set(
    title="Mean absolute error, 1956-60",
    xlabel="months ahead",
    ylabel="thousands a month",
    xticks=range(1, 13),
)
axes[0].legend()
axes[1].plot(y["1955":], color="black", label="passengers")
december = result.predictions[result.predictions["origin"].dt.month == 12]
for number, (origin, rows) in enumerate(december.groupby("origin")):
    label = "" if number else "forecast in December, twelve months"
    axes[1].plot(rows["y_pred"], color="C3", marker="o", markersize=3, label=label)
    axes[1].axvline(origin, color="0.85", zorder=0)
axes[1].set(title="What was forecast each December", ylabel="thousands a month")
axes[1].legend(loc="upper left")
figure.savefig("backtest.png", dpi=120)
print("saved backtest.png")

# %%
# A month ahead the LSTM is off by 11 thousand, a year ahead by 17; repeating the last
# year by 37 throughout. So is ridge regression on the same windows, which are too long
# for it with so few rows (on windows of 13 months it misses by 18.5). Fitting every
# year does not pay: it errs 15.5, one fit 14.6. Updates change next to nothing, 14.4:
# each is a single epoch over twelve rows, and prior and ridge regression inside the
# LSTM stay those of the first fit.
