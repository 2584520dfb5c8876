"""
Airline passengers: search, walk forward, forecast
==================================================

The classic monthly series (Box & Jenkins, Series G) from raw rows to a forecast, with
nothing but scikit-learn's own tools around the two classes: which window and how many
units, one-step predictions of the last two years, and the last twelve months forecast
at once, each beside ridge regression, exponential smoothing and naive forecasts.
"""

# %%
# The rows as they are
# --------------------
# y is a column of the frame, at the same rows. Nothing is shifted or scaled by hand.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error, root_mean_squared_error
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline

from sklstm import LSTMRegressor, SlidingWindow, forecast, load_airline_passengers

X = load_airline_passengers()
y = X["passengers"]
X_train, X_test = X[:-24], X[-24:]
y_train, y_test = y[:-24], y[-24:]

# %%
# Which window, how many units?
# -----------------------------
# Window and network are in one grid. Every candidate is scored on the same rows, and
# the first row of every test fold sees its true past, because the index says that it
# follows the training rows.
pipe = make_pipeline(SlidingWindow(), LSTMRegressor(random_state=0))
search = GridSearchCV(
    pipe,
    {"slidingwindow__window": [12, 24, "auto"], "lstmregressor__units": [16, 32]},
    cv=TimeSeriesSplit(5, test_size=12),
    scoring="neg_mean_absolute_error",
)
search.fit(X_train, y_train)
results = pd.DataFrame(search.cv_results_["params"])
results["MAE"] = -search.cv_results_["mean_test_score"]
print(results.round(1).to_string(index=False))

# %%
# Ridge on windows of two years is what an LSTM has to beat, and on this short series
# that is hard. Its incomplete windows get weight 0; the imputer only lets them pass.
ridge = make_pipeline(SlidingWindow(24, layout="flat"), SimpleImputer(), Ridge())
is_complete = np.arange(len(X_train)) >= 24
ridge.fit(X_train, y_train, ridge__sample_weight=is_complete)

# %%
# Exponential smoothing (Holt & Winters, in logarithms, with a damped trend) has four
# numbers to learn. Every month of the past is predicted from those before it.


def holt_winters(y, steps, season=12):
    """Return the forecast of exponential smoothing."""
    logs = np.log(y.to_numpy())
    first = logs[:season].mean()
    slope = (logs[season : 2 * season].mean() - first) / season

    def smoothed(parameters):
        alpha, beta, gamma, damping = parameters
        level, trend, pattern = first, slope, list(logs[:season] - first)
        errors = []
        for t in range(season, len(logs)):
            error = logs[t] - (level + damping * trend + pattern[t - season])
            level += damping * trend + alpha * error
            trend = damping * trend + beta * error
            pattern.append(pattern[t - season] + gamma * error)
            errors.append(error)
        return errors, level, trend, pattern[-season:]

    best = minimize(
        lambda parameters: np.square(smoothed(parameters)[0]).sum(),
        [0.3, 0.02, 0.2, 0.98],
        bounds=[(0.01, 1), (0, 1), (0, 1), (0.8, 1)],
    ).x
    _, level, trend, pattern = smoothed(best)
    growth = trend * np.cumsum(best[3] ** np.arange(1, steps + 1))
    return np.exp(level + growth + np.resize(pattern, steps))


# %%
# Walk forward, one month ahead
# -----------------------------
# Each month of the last two years from the true months before it. Smoothing is fitted
# anew every month, the others are not.
one_step = pd.DataFrame(
    {
        "LSTM": search.predict(X_test),
        "ridge": ridge.predict(X_test),
        "smoothing": [holt_winters(y[:n], 1)[0] for n in range(len(y) - 24, len(y))],
        "naive": y.shift(1)[-24:],
        "seasonal naive": y.shift(12)[-24:],
    },
    index=X_test.index,
)

# %%
# Twelve months at once
# ---------------------
# From December 1959 on. The LSTM, with what the search found, predicts all twelve
# directly (``steps=12``); ridge and smoothing feed each prediction back as if it had
# come true.
history, future = X[:-12], y[-12:]
direct = clone(search.best_estimator_).set_params(lstmregressor__steps=12)
direct.fit(X_train, y_train)
twelve = pd.DataFrame(
    {
        "LSTM": forecast(direct, history, steps=12),
        "ridge": forecast(ridge, history, steps=12),
        "smoothing": holt_winters(y[:-12], 12),
        "naive": y.iloc[-13],
        "seasonal naive": y.shift(12)[-12:],
    },
    index=future.index,
)


# %%
# The errors, in thousands of passengers
# --------------------------------------
def errors(truth, predictions):
    """Return MAE and RMSE of every column."""
    return pd.DataFrame(
        {
            "MAE": [mean_absolute_error(truth, p) for _, p in predictions.items()],
            "RMSE": [root_mean_squared_error(truth, p) for _, p in predictions.items()],
        },
        index=predictions.columns,
    )


table = pd.concat(
    {
        "1 month ahead, 1959-60": errors(y_test, one_step),
        "12 months at once, 1960": errors(future, twelve),
    },
    axis=1,
)
print(table.round(1).to_string())

# %%
# The picture
# -----------
figure, axes = plt.subplots(2, 1, figsize=(8, 6), layout="constrained")
for ax, title, predictions in [
    (axes[0], "One month ahead, walking forward", one_step),
    (axes[1], "Twelve months at once, from December 1959", twelve),
]:
    y["1957":].plot(ax=ax, color="black", label="passengers")
    predictions["LSTM"].plot(ax=ax, color="C3", marker="o", markersize=4, label="LSTM")
    predictions["seasonal naive"].plot(
        ax=ax, color="C0", linestyle=":", label="seasonal naive"
    )
    ax.set(title=title, xlabel="", ylabel="thousands a month")
    ax.legend(loc="upper left")
figure.savefig("airline_passengers.png", dpi=120)
print("saved airline_passengers.png")

# %%
# The LSTM is far better than repeating the last month or the last year. The search took
# the longest windows, in which the prior sees many seasons; prior and ridge regression
# inside then leave the network little to learn on a series as short and regular as this
# one. Ridge alone is as good here, a month ahead smoothing is best, and the table says
# so.
