"""LossCurveDisplay: the losses of every epoch of a fit."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from sklstm.views._drawing import Display, ink, line_style, marker
from sklstm.views._inspection import regressor_inside

__all__ = ["LossCurveDisplay"]


class LossCurveDisplay(Display):
    """The training loss of every epoch, the validation loss, and where it was best.

    Parameters
    ----------
    history : dict of lists of float
        ``history_`` of a fitted regressor: ``loss`` and maybe ``val_loss``,
        which may be shorter: it is that of the last epochs.
    best_epoch : int, default=None
        The epoch, counted from 1, whose weights were the best; None marks none.

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
    LSTMRegressor : Trains and keeps ``history_``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LossCurveDisplay, LSTMRegressor
    >>> X = np.random.default_rng(0).normal(size=(60, 3, 1))
    >>> lstm = LSTMRegressor(2, epochs=5, early_stopping=False).fit(X, X[:, 0, 0])
    >>> LossCurveDisplay.from_estimator(lstm)
    LossCurveDisplay(epochs=5, best_epoch=None)
    """

    def __init__(
        self, history: dict[str, list[float]], best_epoch: int | None = None
    ) -> None:
        self.history = history
        self.best_epoch = best_epoch

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> Self:
        """Draw the losses of a fitted estimator.

        Parameters
        ----------
        estimator : fitted estimator
            An :class:`LSTMRegressor` or :class:`KerasRegressor`, a pipeline that ends
            in one, or a search.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        LossCurveDisplay

        Notes
        -----
        Early stopping restores the weights of the epoch with the lowest validation
        loss, which is marked; with ``refit`` the network then goes on from them with
        all rows, validation rows among them. After several fits that went on from each
        other it cannot be told from ``history_``, and none is marked.
        """
        lstm = regressor_inside(estimator, cls.__name__)
        losses = lstm.history_.get("val_loss", [])
        is_one_fit = len(losses) == len(lstm.history_["loss"]) and not lstm.warm_start
        is_one_fit &= len(losses) > 0
        best = int(np.argmin(losses)) + 1 if is_one_fit else None
        return cls(lstm.history_, best_epoch=best).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the losses.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        LossCurveDisplay
            The display itself.

        Raises
        ------
        ValueError
            If there is no history, no epoch in it, or no validation loss of the best
            one.
        """
        losses = self._losses()
        n_epochs, n_validated = map(len, losses)
        first = [1, n_epochs - n_validated + 1]
        if not n_epochs:
            raise ValueError(
                "LossCurveDisplay needs the losses of at least one epoch. Got none, as "
                "of a fit that was interrupted in its first epoch; fit again."
            )
        if self.best_epoch is not None and not first[1] <= self.best_epoch <= n_epochs:
            raise ValueError(
                "The 'best_epoch' parameter of LossCurveDisplay must be an epoch that "
                f"has a validation loss. Got {self.best_epoch!r}; epochs with one: "
                f"{n_validated} of {n_epochs}, the last ones."
            )
        self._begin(ax, 1, 1, size=(6.4, 3.8))
        panel = self.ax_
        names = ("training", "validation")
        for number, values in enumerate(losses):
            if values:
                panel.plot(
                    range(first[number], n_epochs + 1),
                    values,
                    line_style(number),
                    color=f"C{number}",
                    marker=marker(number) if len(values) <= 30 else None,
                    markersize=3.5,
                    label=names[number],
                )
        if self.best_epoch is not None:
            panel.plot(
                self.best_epoch,
                losses[1][self.best_epoch - first[1]],
                linestyle="none",
                marker="o",
                markersize=11,
                markerfacecolor="none",
                markeredgewidth=1.8,
                markeredgecolor=ink(),
                label=f"best weights: epoch {self.best_epoch}",
            )
        positive = [v for values in losses for v in values if v > 0]
        if positive and max(positive) > 20 * min(positive):
            panel.set_yscale("log")
        panel.xaxis.get_major_locator().set_params(integer=True)
        panel.set(xlabel="epoch", ylabel="loss of the scaled target")
        self._legend()
        return self

    def _losses(self):
        """Return the training and the validation losses."""
        if not isinstance(self.history, dict) or "loss" not in self.history:
            came = type(self.history).__name__
            if isinstance(self.history, dict):
                came = f"a dict of {list(self.history)}"
            raise ValueError(
                "LossCurveDisplay needs history_ of a fitted regressor, a dict with "
                f"'loss'. Got {came}; of an estimator call from_estimator."
            )
        return [self.history["loss"], self.history.get("val_loss", [])]

    def __repr__(self) -> str:
        n_epochs = len(self._losses()[0])
        return f"LossCurveDisplay(epochs={n_epochs}, best_epoch={self.best_epoch})"
