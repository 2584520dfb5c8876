"""
Airline passengers: search, walk forward, forecast
==================================================

The classic monthly series (Box & Jenkins, Series G) from raw rows to a forecast, with
nothing but scikit-learn's own tools around the two classes: which window and how many
units, one-step predictions of the last two years, and the last twelve months forecast
at once, each beside the forecasts that cost nothing.
"""

# %%
# The rows as they are
# --------------------
# y is a column of the frame, at the same rows. Nothing is shifted or scaled by hand.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
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
    {"slidingwindow__window": [12, 24], "lstmregressor__units": [16, 32]},
    cv=TimeSeriesSplit(5, test_size=12),
    scoring="neg_mean_absolute_error",
)
search.fit(X_train, y_train)
results = pd.DataFrame(search.cv_results_["params"])
results["MAE"] = -search.cv_results_["mean_test_score"]
print(results.round(1).to_string(index=False))

# %%
# Ridge on the same windows is what an LSTM has to beat, and on this short series that
# is hard. Its incomplete windows get weight 0; the imputer only lets them pass.
window = search.best_params_["slidingwindow__window"]
ridge = make_pipeline(SlidingWindow(window, layout="flat"), SimpleImputer(), Ridge())
is_complete = np.arange(len(X_train)) >= window
ridge.fit(X_train, y_train, ridge__sample_weight=is_complete)

# %%
# Walk forward, one month ahead
# -----------------------------
# Each month of the last two years from the true months before it; no model is fitted
# again.
one_step = pd.DataFrame(
    {
        "LSTM": search.predict(X_test),
        "ridge": ridge.predict(X_test),
        "naive": y.shift(1)[-24:],
        "seasonal naive": y.shift(12)[-24:],
    },
    index=X_test.index,
)

# %%
# Twelve months at once
# ---------------------
# From December 1959 on, each prediction is fed back as if it had come true.
history, future = X[:-12], y[-12:]
twelve = pd.DataFrame(
    {
        "LSTM": forecast(search, history, steps=12),
        "ridge": forecast(ridge, history, steps=12),
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
# The LSTM is far better than repeating the last month or the last year. It begins with
# a ridge regression of its own, and on a series as short and as regular as this one
# there is little left for the network to learn: ridge alone is as good a choice, and
# the table says so.
