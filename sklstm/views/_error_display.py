"""ErrorByStepDisplay: the errors of a backtest, step by step."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from sklstm.forecasting._result import BacktestResult
from sklstm.metrics import symmetric_mean_absolute_percentage_error
from sklstm.views._drawing import Display, label_of, line_style, marker
from sklstm.windows._frames import DataFrame, labels_of

__all__ = ["ErrorByStepDisplay"]

# Lines beyond which a picture of default size cannot be read.
_MOST_LINES = 6

# What a metric is called on the axis.
_METRICS = {"mae": "MAE", "rmse": "RMSE", "mase": "MASE", "smape": "sMAPE (%)"}

# Column that holds the unit of MASE, beside the predictions of a backtest.
_SCALE = "scale of MASE"


class ErrorByStepDisplay(Display):
    """How the error of a backtest grows from step to step.

    A line for each model, the baselines of a backtest among them, or for each group of
    one model; bars go from the best to the worst fold, as the axis says. With more than
    six groups, the line is the error over the rows of all of them, a group of many rows
    weighing more, and the bars go from the best to the worst group.

    Parameters
    ----------
    errors : dict of DataFrame
        By the name of each line (None for a single one): steps as index, columns
        ``mean``, ``lowest`` and ``highest``.
    metric : str
        What the errors are, for the label.
    bars : str, default=None
        What the bars go over, for the label: ``"fold"`` or ``"group"``. None says
        nothing, as where there is one fold alone.

    Attributes
    ----------
    axes_ : ndarray of Axes
        The panel, as an array.
    ax_ : Axes
        The panel.
    figure_ : Figure
        What it is in.

    See Also
    --------
    backtest : Makes what is drawn.
    ForecastDisplay : The forecasts of one origin.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklstm import ErrorByStepDisplay
    >>> frame = pd.DataFrame(
    ...     {
    ...         "step": [1, 2, 1, 2],
    ...         "fold": [0, 0, 1, 1],
    ...         "y_true": [5.0, 5.0, 6.0, 6.0],
    ...         "y_pred": [5.5, 6.0, 6.1, 7.4],
    ...     }
    ... )
    >>> ErrorByStepDisplay.from_predictions({"LSTM": frame, "naive": frame + 0.5})
    ErrorByStepDisplay(lines=2, steps=2, metric='mae')
    """

    def __init__(
        self, errors: dict[Any, DataFrame], metric: str, bars: str | None = None
    ) -> None:
        self.errors = errors
        self.metric = metric
        self.bars = bars

    @classmethod
    def from_predictions(
        cls,
        frame: BacktestResult | DataFrame | dict[str, Any],
        *,
        metric: str = "mae",
        ax: Any = None,
    ) -> Self:
        """Draw the errors of one or several backtests.

        Parameters
        ----------
        frame : BacktestResult, DataFrame or dict of them
            What :func:`backtest` returns: drawn are the model and the baselines, as
            its ``summary`` calls them. Or predictions with columns ``step``,
            ``y_true``, ``y_pred``, ``fold``, and ``group`` where there are several
            series, which then have a line each (``predictions`` of a backtest). Or
            several results or frames by the name of the model, to be compared; of a
            result only the model is then drawn.
        metric : {"mae", "rmse", "mase", "smape"}, default="mae"
            Mean absolute error, root of the mean squared one, or those that
            ``summary`` of a :class:`BacktestResult` calls MASE and sMAPE. MASE needs
            such results: their ``scales`` are its unit.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        ErrorByStepDisplay

        Raises
        ------
        ValueError
            If there are no predictions, a column is missing, there is no such metric,
            or there are no scales for MASE.
        """
        if metric not in _METRICS:
            raise ValueError(
                "The 'metric' parameter of ErrorByStepDisplay must be one of "
                f"{list(_METRICS)}. Got {metric!r} instead."
            )
        frames = _frames_by_name(frame)
        if metric == "mase" and any(_SCALE not in each for each in frames.values()):
            raise ValueError(
                "ErrorByStepDisplay needs the scales of a backtest for metric='mase'. "
                "Got predictions alone; pass the BacktestResult, or choose another "
                "metric."
            )
        by = "fold"
        single = frames.get(None)
        if single is not None and "group" in single.columns:
            groups = dict(iter(single.reset_index(drop=True).groupby("group")))
            if len(groups) <= _MOST_LINES:
                frames = groups
            else:
                by, frames = "group", {f"all rows of {len(groups)} groups": single}
        has_bars = any(each[by].nunique() > 1 for each in frames.values())
        errors = {name: _errors(each, metric, by) for name, each in frames.items()}
        return cls(errors, metric, bars=by if has_bars else None).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the errors.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        ErrorByStepDisplay
            The display itself.
        """
        self._begin(ax, 1, 1, size=(6.4, 3.8))
        for number, (name, line) in enumerate(self.errors.items()):
            # Bars of several lines stand beside each other, not on each other.
            shift = 0.12 * (number - (len(self.errors) - 1) / 2)
            lowest, highest, mean = line[["lowest", "highest", "mean"]].to_numpy().T
            self.ax_.errorbar(
                line.index.to_numpy() + shift,
                mean,
                # matplotlib 3.8 trips over arrays of one step.
                yerr=[(mean - lowest).tolist(), (highest - mean).tolist()],
                color=f"C{number}",
                linestyle=line_style(number),
                marker=marker(number),
                markersize=4.5,
                elinewidth=0.8,
                capsize=2.0,
                label=None if name is None else label_of(name),
            )
        steps = [step for line in self.errors.values() for step in line.index]
        self.ax_.set_xlim(min(steps) - 0.6, max(steps) + 0.6)
        self.ax_.set_ylim(bottom=0)
        self.ax_.xaxis.get_major_locator().set_params(integer=True)
        quantity = _METRICS.get(self.metric, self.metric)
        if self.bars is not None:
            quantity += f"\nbars: best to worst {self.bars}"
        self.ax_.set(xlabel="step ahead", ylabel=quantity)
        if list(self.errors) != [None]:
            self._legend()
        return self

    def __repr__(self) -> str:
        n_steps = max(map(len, self.errors.values()))
        return (
            f"ErrorByStepDisplay(lines={len(self.errors)}, steps={n_steps}, "
            f"metric={self.metric!r})"
        )


def _frames_by_name(given):
    """Return the predictions of each line by its name, None for a single frame."""
    if isinstance(given, BacktestResult):
        made, others = _with_scales(given), given.baselines
        frames = {"model": made}
        for name in others.columns:
            frames[name] = made.assign(y_pred=others[name].to_numpy())
        return frames
    frames = {None: given}
    if isinstance(given, dict) and given:
        frames = {
            name: _with_scales(each) if isinstance(each, BacktestResult) else each
            for name, each in given.items()
        }
    for each in frames.values():
        if labels_of(each) is None or each.ndim != 2:
            raise ValueError(
                "ErrorByStepDisplay needs a BacktestResult, a DataFrame of predictions "
                f"or a dict of them by name. Got {type(each).__name__}; pass what "
                "backtest returns."
            )
        lacking = {"step", "y_true", "y_pred", "fold"} - set(each.columns)
        if lacking:
            raise ValueError(
                "ErrorByStepDisplay needs columns step, y_true, y_pred and fold. "
                f"Got none called {sorted(lacking)}."
            )
    return frames


def _with_scales(result):
    """Return the predictions of a backtest, with the unit of MASE beside them."""
    return result.predictions.assign(**{_SCALE: result.scales})


def _errors(frame, metric, by):
    """Return a DataFrame of the mean, lowest and highest error of each step."""
    # Labels may be called as columns are, which groupby refuses to tell apart.
    frame = frame.reset_index(drop=True)
    power = 2 if metric == "rmse" else 1
    powers = frame.assign(error=_sizes(frame, metric) ** power)
    whole = powers.groupby("step")["error"].mean() ** (1 / power)
    parts = powers.groupby(["step", by])["error"].mean() ** (1 / power)
    ends = parts.groupby("step").agg(["min", "max"])
    return ends.set_axis(["lowest", "highest"], axis=1).assign(mean=whole)


def _sizes(frame, metric):
    """Return the size of the error of each row; NaN where MASE has no unit."""
    truth, made = frame["y_true"].to_numpy(), frame["y_pred"].to_numpy()
    if metric == "smape":
        # A row as one output of its own.
        return symmetric_mean_absolute_percentage_error(
            truth[None], made[None], multioutput="raw_values"
        )
    sizes = np.abs(made - truth)
    if metric == "mase":
        sizes = sizes / frame[_SCALE].to_numpy()
    return sizes
