"""
A search with Optuna: windows, units and learning rate together
================================================================

A grid of three parameters with ten values each has a thousand candidates. Optuna tries
some tens of them, each chosen by what the ones before came to. Its scikit-learn search,
``OptunaSearchCV``, takes a pipeline as ``GridSearchCV`` does, and ``forecast`` takes it
once it is fitted. Does it find better parameters than the defaults?

Run: ``python search_with_optuna.py`` (``pip install optuna optuna-integration``).
"""

# %%
# The newest three years are left out
# -----------------------------------
# The search sees 1949 to 1957 alone, so that what it chose can be judged afterwards.
import os
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import optuna
import pandas as pd
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna_integration import OptunaSearchCV
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
n_rows = 108  # 1949 to 1957

# %%
# The search
# ----------
# Ten candidates at random, thirty by Optuna's sampler, each in three folds. Seeds make
# the search come out the same again.
space = {
    "slidingwindow__window": IntDistribution(2, 26),
    "lstmregressor__units": IntDistribution(4, 64, log=True),
    "lstmregressor__learning_rate": FloatDistribution(1e-4, 1e-2, log=True),
}
optuna.logging.set_verbosity(optuna.logging.WARNING)
warnings.simplefilter("ignore", ExperimentalWarning)
warnings.filterwarnings("ignore", message=".*optuna.terminator.* deprecated")
search = OptunaSearchCV(
    make_pipeline(SlidingWindow(), LSTMRegressor(random_state=0)),
    space,
    cv=TimeSeriesSplit(3, test_size=12),
    n_trials=40,
    random_state=0,
    scoring="neg_mean_absolute_error",
)
search.fit(X[:n_rows], y[:n_rows])
print(search.best_params_)
print(f"mean absolute error in the folds: {-search.best_score_:.2f} thousand")

# %%
# What the search was sure of
# ---------------------------
# The best and the worst candidates. A ``study`` that lives in a database lets several
# machines search together; see Optuna's documentation.
trials = search.trials_dataframe().sort_values("value", ascending=False)
columns = [c for c in trials if c.startswith("params_")]
trials = trials.rename(columns=lambda name: name.split("__")[-1])
shown = trials[["value", *[c.split("__")[-1] for c in columns]]]
print(pd.concat([shown[:3], shown[-3:]]).round(4).to_string(index=False))

# %%
# On the years that it has not seen
# ---------------------------------
# One month ahead, fitted anew every year, beside the defaults, and these with a year.
candidates = {
    "found": search.best_estimator_,
    "defaults, 12 months": make_pipeline(
        SlidingWindow(12), LSTMRegressor(random_state=0)
    ),
    "defaults": make_pipeline(SlidingWindow(), LSTMRegressor(random_state=0)),
}
cv = TimeSeriesSplit(3, test_size=12)
results = {name: backtest(pipe, X, y, cv=cv) for name, pipe in candidates.items()}
rows = {name: result.summary().loc["model"] for name, result in results.items()}
rows["ridge, 12 months"] = results["defaults, 12 months"].summary().loc["ridge"]
rows["naive"] = results["found"].summary().loc["naive"]
print(pd.DataFrame(rows).T[["MAE", "RMSE"]].round(2).to_string())
print(forecast(search, X, steps=3).round(0).to_string())

# %%
# The length of the window matters most: on the years that the search has not seen the
# defaults err 12.2 thousand, and 18.3 with windows of 12 months, in which no season is
# seen twice. The first row of the table says what forty tries gain over that.
