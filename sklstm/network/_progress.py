"""Progress: the line that a fit prints, and what scikit-learn's callbacks hear of it.

The only file that knows ``sklearn.callback``, which is experimental and there since
scikit-learn 1.9. Below 1.9 there are no callbacks, and lines are printed all the same.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["CallbackSupportMixin", "Line", "Progress", "with_callbacks"]

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands where scikit-learn has no callbacks."""

    def with_callbacks(method: Callable) -> Callable:
        """Return the method as it is."""
        return method


# Seconds between two states of a line, so that showing them costs nothing.
_PAUSE = 0.1


class Line:
    """A line of the standard output; a terminal also shows its passing states."""

    def __init__(self, *, is_silent: bool = False):
        self.is_silent = is_silent
        self._is_live = not is_silent and getattr(sys.stdout, "isatty", bool)()
        self._n_shown = 0
        self._next = 0.0

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        if self._n_shown:  # what is printed next, an error, begins in a new line
            print(flush=True)

    def show(self, text: str) -> None:
        """Show a passing state."""
        if self._is_live and time.monotonic() >= self._next:
            self._next = time.monotonic() + _PAUSE
            print(f"\r{text:<{self._n_shown}}", end="", flush=True)
            self._n_shown = len(text)

    def end(self, text: str) -> None:
        """Print the last state."""
        if not self.is_silent:
            begin = "\r" if self._n_shown else ""
            # In one piece, so that lines of other threads come before or after it.
            print(f"{begin}{text:<{self._n_shown}}\n", end="", flush=True)
            self._n_shown = 0


class Progress:
    """A fit as it is told: each epoch when it ends, and the fit itself.

    Callbacks hear of a task for the fit, and in it of one for each epoch of each
    network; a refit's are named ``"refit-epoch"``. The estimator's ``verbose`` of 1
    prints a line for the fit, more one for each epoch. ``epochs`` and ``n_refit`` are
    those of each network, and of its refit, at most.
    """

    def __init__(
        self,
        estimator: Any,
        X: Any,
        y: Any,
        sample_weight: Any,
        n_networks: int,
        epochs: int,
        n_refit: int,
    ):
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self._given = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self._n_networks, self._epochs = n_networks, epochs
        self._n_most = n_networks * (epochs + n_refit)
        self._verbose = int(estimator.verbose)
        has_callbacks = bool(getattr(estimator, "_skl_callbacks", ()))
        # Whether somebody wants to hear of each epoch when it ends.
        self.is_watched = has_callbacks or self._verbose > 1
        self._line = Line(is_silent=self._verbose != 1)
        self._start = time.perf_counter()
        self._fit: Any = None
        self._epoch: Any = None
        self._text = ""

    def __enter__(self) -> Progress:
        estimator = self._given["estimator"]
        if hasattr(estimator, "_init_callback_context"):
            self._fit = estimator._init_callback_context(max_subtasks=self._n_most)
            self._fit.call_on_fit_task_begin(**self._given)
        return self

    def __exit__(self, error: Any, *_: object) -> None:
        with self._line:
            if error is None and self._text:
                self._line.end(self._text)
        if error is None and self._fit is not None:
            self._fit.call_on_fit_task_end(**self._given, reconstruction_attributes={})

    def begin_epoch(self, *, is_refit: bool) -> None:
        """Tell that an epoch begins."""
        if self._fit is not None and self.is_watched:
            name = "refit-epoch" if is_refit else "epoch"
            self._epoch = self._fit.subcontext(task_name=name)
            self._epoch.call_on_fit_task_begin(**self._given)

    def end_epoch(
        self,
        network: int,
        history: dict[str, list[float]],
        state: Callable[[], dict[str, Any] | None],
        *,
        is_refit: bool,
    ) -> bool:
        """Tell of an epoch; return whether a callback asks to stop.

        ``state`` gives the attributes with which a copy of the estimator predicts as
        after this epoch; None where weights are not finite.
        """
        text = self._text_of(network, history, is_refit=is_refit)
        self._line.show(text)
        if self._verbose > 1:
            print(f"{text}\n", end="", flush=True)
        if not is_refit:
            self._text = text
        if self._epoch is None:
            return False
        return self._epoch.call_on_fit_task_end(
            **self._given, reconstruction_attributes=state
        )

    def end_network(self, scaling: Any) -> None:
        """Tell the weights of a trained network and of the prior in its highway."""
        weight, prior_weight = scaling.network_weight, scaling.highway.prior_weight
        text = f"network weight {weight:.2g}"
        if prior_weight > 0:
            text += f", prior weight {prior_weight:.2g}"
        elif weight == 0:
            text += ": the linear part predicts alone"
        self._text = " - ".join(filter(None, [self._text, text]))
        if self._verbose > 1:
            print(f"{text.capitalize()}\n", end="", flush=True)

    def _text_of(self, network, history, *, is_refit):
        """Return the number of an epoch, the seconds until then, and its losses."""
        n_epochs = len(history["loss"])
        where = f"refit {n_epochs}" if is_refit else f"epoch {n_epochs}/{self._epochs}"
        if self._n_networks > 1:
            where = f"network {network + 1}/{self._n_networks}, {where}"
        parts = [where.capitalize(), f"{time.perf_counter() - self._start:.1f} s"]
        parts += [f"{name}: {losses[-1]:.4g}" for name, losses in history.items()]
        if "val_loss" in history:
            best = int(np.argmin(np.nan_to_num(history["val_loss"], nan=np.inf)))
            parts.append(f"best: {history['val_loss'][best]:.4g} (epoch {best + 1})")
        return " - ".join(parts)
