"""BacktestResult: the forecasts of a backtest, their errors and their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from sklstm._checks import check_coverage
from sklstm.forecasting._folds import OrderedRows
from sklstm.forecasting._intervals import (
    distances_beyond,
    fewest_residuals,
    past_distances,
    quantile_ends,
    widened,
)
from sklstm.metrics import (
    interval_coverage,
    mean_interval_score,
    symmetric_mean_absolute_percentage_error,
)
from sklstm.windows._frames import labels_of
from sklstm.windows._table import members

_METRICS = ["MAE", "RMSE", "MASE", "sMAPE"]


@dataclass(frozen=True, repr=False)
class BacktestResult:
    """What :func:`backtest` returns: forecasts, true values and simple baselines.

    Parameters
    ----------
    predictions : DataFrame of shape (n_origins * steps, 5 or 6)
        One row for each origin and step, at the label (of a panel, the time) of the
        predicted row: ``group`` (of a panel, its key or a tuple of several), ``origin``
        (label or position of the last known row), ``step`` (from 1), ``y_true``,
        ``y_pred`` and ``fold`` (from 0).
    baselines : DataFrame of shape (n_origins * steps, 1 to 3)
        ``naive`` (the value at the origin), ``seasonal naive`` (the value a season
        before) and ``ridge`` (a ridge regression that reads what the model reads).
    scales : ndarray of shape (n_origins * steps,)
        Mean absolute change over a season in the training rows of the fold (and group),
        the unit of MASE; NaN where they do not change.
    origins : ndarray of shape (n_origins,), int
        Position of each origin in X; of a panel, in X by group and time.
    quantiles : DataFrame of shape (n_origins * steps, n_quantiles), optional
        What a regressor with ``quantiles`` predicts, a column for each level; None
        where steps were fed back.
    network_weights : ndarray of shape (n_origins * steps,), optional
        The ``network_weight_`` of the fold's regressor; None where it has none.
    prior_weights : ndarray of shape (n_origins * steps,), optional
        Its ``prior_weight_``, likewise.

    Attributes
    ----------
    groups : ndarray of shape (n_origins,) or None
        The group of each origin; None without groups.
    residuals : ndarray of shape (n_origins, steps)
        y_true - y_pred, oldest origin first, in each group of a fold.

    See Also
    --------
    backtest : Makes it.
    forecast : Takes it as ``residuals``, for intervals.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.model_selection import TimeSeriesSplit
    >>> from sklstm import backtest, load_airline_passengers
    >>> y = load_airline_passengers()["passengers"]
    >>> X = y.shift(12, fill_value=112.0).to_frame("year before")
    >>> result = backtest(LinearRegression(), X, y, cv=TimeSeriesSplit(3), season=12)
    >>> result.summary().round(1)
                     MAE  RMSE  MASE  sMAPE
    model           19.0  23.2   0.8    6.2
    naive           30.1  37.8   1.2    9.1
    seasonal naive  34.3  38.5   1.4   11.5
    """

    predictions: pd.DataFrame
    baselines: pd.DataFrame
    scales: np.ndarray
    origins: np.ndarray
    quantiles: Any = None
    network_weights: np.ndarray | None = None
    prior_weights: np.ndarray | None = None

    @property
    def groups(self) -> np.ndarray | None:
        """The group of each origin; None without groups."""
        if "group" not in self.predictions.columns:
            return None
        return self.predictions["group"].to_numpy()[:: self.residuals.shape[1]]

    @property
    def residuals(self) -> np.ndarray:
        """True values minus forecasts."""
        missed = self.predictions["y_true"] - self.predictions["y_pred"]
        return missed.to_numpy().reshape(len(self.origins), -1)

    def summary(self, by: str | None = None) -> pd.DataFrame:
        """Return the errors of the model and of the baselines on the same rows.

        Parameters
        ----------
        by : {"step", "fold", "group"}, optional
            Gives a row for each step, fold or group and model; None one for each model.

        Returns
        -------
        DataFrame
            ``MAE`` and ``RMSE`` in the unit of y, ``MASE`` in that of the naive (with
            ``season``, seasonal naive) forecast's error in the training rows of the
            fold (and group), where they change, and ``sMAPE`` in per cent, 0 to 200.
            For a model with networks ``network weight`` and ``prior weight``: how much
            predictions take of their output, and how much the prior counts in the
            highway, from 0 to 1, as means over folds.
        """
        if by is None:
            return self._errors(slice(None))
        names = [n for n in ("step", "fold", "group") if n in self.predictions.columns]
        if by not in names:
            raise ValueError(
                f"The 'by' parameter of summary must be one of {names} or None. Got "
                f"{by!r} instead."
            )
        found, codes = np.unique(self.predictions[by], return_inverse=True)
        tables = [self._errors(codes == code) for code in range(len(found))]
        table = pd.concat(tables)
        keys = [found.repeat(len(tables[0])), table.index]
        return table.set_index(pd.MultiIndex.from_arrays(keys, names=[by, "model"]))

    def errors_by_step(self, metric: str = "MAE") -> pd.DataFrame:
        """Return an error of the model and of the baselines for each step, to plot.

        Parameters
        ----------
        metric : {"MAE", "RMSE", "MASE", "sMAPE"}, default="MAE"
            A column of ``summary()``.

        Returns
        -------
        DataFrame
            A row for each step, a column for each model.
        """
        if metric not in _METRICS:
            raise ValueError(
                f"The 'metric' parameter of errors_by_step must be one of {_METRICS}. "
                f"Got {metric!r} instead."
            )
        table = self.summary(by="step")[metric].unstack("model")
        return table[["model", *self.baselines]]

    def quantile_residuals(self, coverage: float = 0.9) -> np.ndarray | None:
        """Return how far the truth lay beyond the two quantiles of a coverage.

        Parameters
        ----------
        coverage : float, default=0.9
            Share of true values that was to lie between the two, in (0, 1).

        Returns
        -------
        ndarray of shape (n_origins, steps) or None
            In the order of ``residuals``, negative where the truth lay between them;
            None where the estimator did not learn these quantiles.
        """
        coverage = check_coverage(coverage, owner="quantile_residuals")
        ends = self._learned_ends(coverage)
        if ends is None:
            return None
        truth = self.predictions["y_true"].to_numpy()
        return distances_beyond(truth, *ends.T).reshape(len(self.origins), -1)

    def intervals(self, coverage: float = 0.9) -> pd.DataFrame:
        """Return the interval that each forecast would have had at its time.

        Parameters
        ----------
        coverage : float, default=0.9
            Share of true values that intervals are to hold, in (0, 1).

        Returns
        -------
        DataFrame
            ``predictions`` with the columns ``y_lower`` and ``y_upper``: the intervals
            that :func:`forecast` makes from the residuals (of the group) that were
            known at the origin. Without the first rows, which had too few of them.
        """
        coverage = check_coverage(coverage, owner="intervals")
        middle = self.predictions["y_pred"].to_numpy()
        ends = self._learned_ends(coverage)
        sizes = self.quantile_residuals(coverage)
        if ends is None or sizes is None:
            ends, sizes = np.stack([middle, middle], axis=1), np.abs(self.residuals)
        groups = np.zeros(len(sizes)) if self.groups is None else self.groups
        found, codes = np.unique(groups, return_inverse=True)
        distances: np.ndarray = np.empty(sizes.shape)
        for own in members(codes, len(found)):
            distances[own] = past_distances(sizes[own], self.origins[own], coverage)
        distances = distances.ravel()
        is_known = np.isfinite(distances)
        if not is_known.any():
            subject = "Residuals make intervals of a coverage"
            needed = fewest_residuals(coverage, subject=subject)
            of = "" if self.groups is None else " and group"
            raise ValueError(
                f"Intervals of coverage={coverage:g} need {needed} residuals of each "
                f"step{of}, known at a later origin. Got {len(self.origins)} origin(s)"
                "; backtest from more of them, or lower the coverage."
            )
        made = widened(middle[is_known], ends[is_known], distances[is_known])
        return self.predictions[is_known].assign(y_lower=made[:, 0], y_upper=made[:, 1])

    def calibration(
        self, coverages: float | Sequence[float] = (0.5, 0.8, 0.9)
    ) -> pd.DataFrame:
        """Return how many values the intervals held, and how wide they were.

        Parameters
        ----------
        coverages : float or sequence of float, default=(0.5, 0.8, 0.9)
            Shares that intervals are to hold, or one of them.

        Returns
        -------
        DataFrame
            By ``coverage``: ``measured`` (the share that intervals held), ``width`` and
            ``score`` (mean width and mean interval score, in the unit of y) and
            ``n_rows`` (rows that had an interval).
        """
        names = ["coverage", "measured", "width", "score", "n_rows"]
        lines = []
        for coverage in np.atleast_1d(np.asarray(coverages, dtype=object)):
            made = self.intervals(coverage)
            ends = made["y_true"], made["y_lower"], made["y_upper"]
            width = float((made["y_upper"] - made["y_lower"]).mean())
            score = mean_interval_score(*ends, coverage=coverage)
            lines.append([coverage, interval_coverage(*ends), width, score, len(made)])
        return pd.DataFrame(lines, columns=names).set_index("coverage")

    def __repr__(self) -> str:
        n_steps, n_folds = self.residuals.shape[1], self.predictions["fold"].nunique()
        groups = self.groups
        of = "" if groups is None else f", {len(np.unique(groups))} group(s)"
        return (
            f"BacktestResult of {len(self.origins)} origins, {n_steps} step(s), "
            f"{n_folds} fold(s){of}\n"
            f"{self.summary().to_string(float_format='{:.4g}'.format)}"
        )

    def _learned_ends(self, coverage):
        """Return the quantiles of a coverage, (n_rows, 2), None if not learned."""
        if self.quantiles is None:
            return None
        levels = list(self.quantiles.columns)
        ends = quantile_ends(levels, coverage)
        return None if ends is None else self.quantiles.to_numpy()[:, ends]

    def _errors(self, rows):
        """Return every error of every model on some rows."""
        truth, scales = self.predictions["y_true"].to_numpy()[rows], self.scales[rows]
        has_scale = ~np.isnan(scales)
        lines = {}
        models = {"model": self.predictions["y_pred"], **self.baselines}
        for name, values in models.items():
            made = values.to_numpy()[rows]
            scaled = np.abs(((truth - made) / scales)[has_scale])
            lines[name] = [
                mean_absolute_error(truth, made),
                root_mean_squared_error(truth, made),
                float(scaled.mean()) if len(scaled) else np.nan,
                symmetric_mean_absolute_percentage_error(truth, made),
            ]
        table = pd.DataFrame.from_dict(lines, orient="index", columns=_METRICS)
        folds = self.predictions["fold"].to_numpy()[rows]
        _, first = np.unique(folds, return_index=True)
        for name, weights in (
            ("network weight", self.network_weights),
            ("prior weight", self.prior_weights),
        ):
            if weights is not None:
                weight = float(weights[rows][first].mean())
                table[name] = [weight] + [np.nan] * (len(table) - 1)
        return table


def result_of_folds(parts: list[dict], rows: OrderedRows) -> BacktestResult:
    """Return the columns of all folds, row by row, as a result.

    Columns of quantiles are named by their level; others not of the result itself are
    baselines.
    """
    columns: dict[Any, Any] = {
        name: np.concatenate([part[name] for part in parts])
        for name in parts[0]
        if all(name in part for part in parts)
    }
    levels = [name for name in columns if isinstance(name, float)]
    quantiles = {level: columns.pop(level) for level in levels}
    at, origins = columns.pop("row"), columns["origin"]
    scales = columns.pop("scale")
    every = [columns.pop(name) for name in ("network weight", "prior weight")]
    weights = [None if np.isnan(each).all() else each for each in every]
    index = None
    columns["origin"] = rows.panel.times_of(origins)
    if labels_of(rows.X) is not None:
        index = rows.panel.times_of(at)
    names = ["origin", "step", "y_true", "y_pred", "fold"]
    if rows.panel.keys is not None:
        columns["group"] = rows.panel.groups_of(at)
        names = ["group", *names]
    return BacktestResult(
        pd.DataFrame({name: columns.pop(name) for name in names}, index),
        pd.DataFrame(columns, index),
        scales,
        origins[:: rows.steps],
        pd.DataFrame(quantiles, index) if quantiles else None,
        *weights,
    )
