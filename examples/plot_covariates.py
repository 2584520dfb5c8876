"""
Known beforehand: the calendar as covariates
============================================

What the value at a coming row is may be known before the row has come: the month, a
price plan, a weather forecast. ``SlidingWindow(known=...)`` lets windows read such
columns up to the predicted row itself, and ``forecast(..., X_future=...)`` takes their
values to come. Here the month of the airline passengers, encoded by scikit-learn. Does
it help?
"""

# %%
# The calendar comes from pandas and scikit-learn
# -----------------------------------------------
# The month as a periodic spline: seven columns, so that December is as close to January
# as January is to February. ``OneHotEncoder`` would make a column for each month.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer

from sklstm import (
    LSTMRegressor,
    SlidingWindow,
    backtest,
    forecast,
    load_airline_passengers,
)

spline = SplineTransformer(
    knots=np.linspace(1, 13, 8)[:, None], extrapolation="periodic"
).set_output(transform="pandas")
spline.fit(pd.DataFrame({"month": range(1, 13)}))


def calendar(index):
    """Return the columns of the calendar at the labels of an index."""
    return spline.transform(pd.DataFrame({"month": index.month}, index=index))


passengers = load_airline_passengers()["passengers"]
y = np.log(passengers)
X = y.to_frame().join(calendar(y.index))
known = list(X.columns[1:])
print(X.head(3).round(2).to_string())

# %%
# With and without
# ----------------
# Windows of 3 months do not reach the year before; those of 13 do. One step fed back
# (recursive) and twelve at once (direct), each with the calendar and without: forecasts
# of twelve months from every month of four years, beginning in December 1955, fitted
# anew every year.
#
# A direct window ends at the first of its rows to come. The months of the others follow
# from that one; a price that changes between them would want a column for each step
# (``price.shift(-1)``, ...), or ``steps=1``.
cv = TimeSeriesSplit(5, test_size=12)
errors = {}
for window in (3, 13):
    for steps in (1, 12):
        for columns in ([], known):
            pipe = make_pipeline(
                SlidingWindow(window, known=columns),
                LSTMRegressor(steps=steps, random_state=0),
            )
            rows = X[["passengers", *columns]]
            result = backtest(pipe, rows, y, cv=cv, steps=12, season=12)
            made = np.exp(result.predictions[["y_true", "y_pred"]])
            kind = "recursive" if steps == 1 else "direct"
            column = "with the months" if columns else "without"
            missed = (made["y_true"] - made["y_pred"]).abs()
            errors.setdefault((window, kind), {})[column] = missed.mean()
table = pd.DataFrame(errors).T.rename_axis(["window", "steps"])
print(table.round(1).to_string())
naive = np.exp(result.baselines["seasonal naive"])
missed = (made["y_true"] - naive).abs().mean()
print(f"seasonal naive: {missed:.1f} thousand passengers")

# %%
# Forecasting with values to come
# -------------------------------
# ``X_future`` has the known columns at the labels of the rows to come, in any order;
# more rows do no harm. One that is missing is named.
past, to_come = X[:"1959"], calendar(X["1960":].index)
made = {}
for steps in (1, 12):
    pipe = make_pipeline(
        SlidingWindow(3, known=known), LSTMRegressor(steps=steps, random_state=0)
    )
    pipe.fit(past, past["passengers"])
    made[steps] = forecast(pipe, past, steps=12, X_future=to_come)
try:
    forecast(pipe, past, steps=12, X_future=to_come.drop(to_come.index[[4]]))
except ValueError as error:
    print(error)
pipe = make_pipeline(SlidingWindow(3), LSTMRegressor(steps=12, random_state=0))
pipe.fit(past[["passengers"]], past["passengers"])
without = forecast(pipe, past[["passengers"]], steps=12)

# %%
# The picture
# -----------
figure, axes = plt.subplots(2, 1, figsize=(8, 7), layout="constrained")
axes[0].plot(passengers["1957":], color="black", label="passengers")
for values, style, label in [
    (made[1], "C3-", "with the months, recursive"),
    (made[12], "C1--", "with the months, direct"),
    (without, "C0:", "without, direct"),
]:
    axes[0].plot(np.exp(values), style, label=label)
axes[0].set(title="1960 from windows of 3 months", ylabel="thousands a month")
axes[0].legend(loc="upper left")
names = [f"{window} months,\n{kind}" for window, kind in table.index]
places = np.arange(len(table))
axes[1].bar(places - 0.2, table["without"], 0.4, color="C0", label="without")
axes[1].bar(
    places + 0.2, table["with the months"], 0.4, color="C3", label="with the months"
)
axes[1].axhline(missed, color="grey", linestyle=":", label="seasonal naive")
axes[1].set_xticks(places, names)
axes[1].set(
    title="Forecasts of twelve months, 1956 to 1960",
    ylabel="mean absolute error, thousands",
)
axes[1].legend()
figure.savefig("covariates.png", dpi=120)
print("saved covariates.png")

# %%
# Where the window does not reach the year before, the months are worth more than half
# of the error: 65.8 thousand become 19.5 recursively, 49.0 become 20.9 directly, and
# 36.7 is what repeating the last year misses. Where it does, with 13 months, the window
# knows the season already: without the months the error is 17.6 and 18.3, with them
# 18.0 and 19.5, for the network has more to learn from as few rows. Covariates pay
# where they say what the window cannot.
