"""Progress: what a fit tells of itself, to whoever looks at it and to callbacks.

The only file that knows ``sklearn.callback``, which is experimental and there since
scikit-learn 1.9. It has this room and not that of the private names, because what
becomes of it changes what a fit tells, and none of the checks. Below 1.9 there are no
callbacks, and lines are printed all the same.

A fit is told as a tree of tasks: its epochs, and those of the refit, follow each other
directly below it, so that a progress bar has one bar for each fit of a search; only an
ensemble has a task for each network in between. How many epochs there will be is not
known where early stopping watches: scikit-learn takes the most there can be, and ends
the bar with the fit.
"""

from __future__ import annotations

import math
import multiprocessing
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

__all__ = [
    "CallbackSupportMixin",
    "Line",
    "Progress",
    "Tasks",
    "progress_of",
    "tasks_of",
    "without_callbacks",
]

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands where scikit-learn has no callbacks."""

    def with_callbacks(method: Callable) -> Callable:
        """Return the method as it is."""
        return method


# What scikit-learn's callbacks leave in an estimator.
_OF_CALLBACKS = (
    "_callback_fit_ctx",
    "_parent_callback_ctx",
    "_skl_callbacks",
    "_skl_callbacks_to_teardown",
)

# Seconds between two states of a line that is overwritten.
_PAUSE = 0.1


# -- callbacks ------------------------------------------------------------------------


class Tasks:
    """The tasks of a fit that have begun and not ended, as callbacks hear of them.

    Parameters
    ----------
    estimator : estimator
        The one whose fit it is.
    X, y : array-like
        What it was given.
    metadata : dict, optional
        What else.
    """

    def __init__(self, estimator: Any, X: Any, y: Any, metadata: dict | None):
        self.estimator = estimator
        self.is_watched = bool(getattr(estimator, "_skl_callbacks", ()))
        self._given = {"X": X, "y": y, "metadata": metadata}
        self._open: list[Any] = []

    def begin(self, name: str, n_most: int = 0, state: Callable | None = None) -> None:
        """Begin a task inside the one that has begun last.

        Parameters
        ----------
        name : str
            Of the task.
        n_most : int, default=0
            How many tasks it may have inside, at most.
        state : callable, optional
            Gives the attributes with which a copy of the estimator can predict.
        """
        context = self._context(name, n_most)
        self._open.append(context)
        if context is not None:
            context.call_on_fit_task_begin(
                estimator=self.estimator, reconstruction_attributes=state, **self._given
            )

    def end(self, state: Any = None) -> bool:
        """End the task that has begun last; return whether a callback asks to stop.

        Parameters
        ----------
        state : dict or callable, optional
            As in ``begin``; None where there is nothing to predict with.
        """
        context = self._open.pop()
        return context is not None and context.call_on_fit_task_end(
            estimator=self.estimator, reconstruction_attributes=state, **self._given
        )

    def _context(self, name: str, n_most: int) -> Any:
        """Return scikit-learn's context of a new task; None where nobody listens."""
        if self._open:
            if not self.is_watched:
                return None
            return self._open[-1].subcontext(task_name=name, max_subtasks=n_most)
        init = getattr(self.estimator, "_init_callback_context", None)
        return None if init is None else init(task_name=name, max_subtasks=n_most)


@contextmanager
def tasks_of(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    metadata: dict | None = None,
    n_most: int = 0,
) -> Iterator[Tasks]:
    """Tell callbacks that a fit begins and ends, and let them clear up in any case.

    Parameters
    ----------
    estimator : estimator
        A :class:`CallbackSupportMixin`.
    X, y : array-like
        What its fit was given.
    metadata : dict, optional
        What else.
    n_most : int, default=0
        How many tasks are inside, at most.
    """
    tasks = Tasks(estimator, X, y, metadata)
    try:
        tasks.begin("fit", n_most)
        yield tasks
        tasks.end({})
    finally:
        _tear_down(estimator)


@with_callbacks
def _tear_down(estimator: Any) -> None:
    """Let callbacks clear up, as scikit-learn does when a method has come to its end.

    That is after nothing here: what is around a fit is a block, inside the one that
    leaves an estimator as it was, and not the method.
    """


def without_callbacks(value: Any) -> Any:
    """Return an estimator without the callbacks of it and of those inside it.

    Parameters
    ----------
    value : estimator, or a container of some
        It stays as it is, and is returned itself where there are none.
    """
    if isinstance(value, BaseEstimator):
        state = {k: v for k, v in vars(value).items() if k not in _OF_CALLBACKS}
        new = {name: without_callbacks(part) for name, part in state.items()}
        if len(new) == len(vars(value)) and all(new[k] is state[k] for k in new):
            return value
        other = object.__new__(type(value))
        vars(other).update(new)
        return other
    if isinstance(value, Bunch):
        items = {key: without_callbacks(part) for key, part in value.items()}
        is_same = all(items[key] is part for key, part in value.items())
        return value if is_same else Bunch(**items)
    if type(value) in (list, tuple):
        parts = [without_callbacks(part) for part in value]
        is_same = all(a is b for a, b in zip(parts, value, strict=True))
        return value if is_same else type(value)(parts)
    return value


# -- lines ----------------------------------------------------------------------------


class Line:
    """A line of the standard output that is overwritten in a terminal.

    Elsewhere (in a file, a notebook, another process or thread, where lines of several
    fits would come between each other) only its last state is printed.

    Parameters
    ----------
    is_silent : bool, default=False
        Prints nothing at all.
    pause : float, default=0
        Seconds between two states, so that they cost nothing.
    """

    def __init__(self, *, is_silent: bool = False, pause: float = 0.0):
        self.is_silent, self.pause = is_silent, pause
        is_terminal = getattr(sys.stdout, "isatty", lambda: False)()
        is_main = multiprocessing.parent_process() is None
        is_main &= threading.current_thread() is threading.main_thread()
        self._is_in_place = is_terminal and is_main and not is_silent
        self._is_open = False
        self._next = -math.inf

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_open:  # what is printed next, an error, begins in a new line
            print(flush=True)

    def show(self, text: str | Callable[[], str]) -> None:
        """Show a passing state, or what gives it."""
        if self._is_in_place and time.monotonic() >= self._next:
            self._next = time.monotonic() + self.pause
            self._is_open = True
            self._write(text if isinstance(text, str) else text(), end="")

    def end(self, text: str) -> None:
        """Print the last state."""
        if not self.is_silent:
            self._is_open = False
            self._write(text, end="\n")

    def _write(self, text: str, end: str) -> None:
        if self._is_in_place:
            # What does not fit would go on in the next line, and stay there.
            n_most = shutil.get_terminal_size().columns - 1
            if not end and len(text) > n_most:
                text = f"{text[: n_most - 1]}…"
            # Where the text ends, Ctrl-C writes what the next state clears.
            text = f"\r{' ' * n_most}\r{text}"
        # In one piece: lines of other threads come before or after it.
        print(f"{text}{end}", end="", flush=True)


class _Report:
    """What the lines of a fit say."""

    def __init__(self, n_networks: int, epochs: int):
        self.n_networks, self.epochs = n_networks, epochs
        self.network = 0
        self._start = time.perf_counter()

    def begin_network(self) -> None:
        self.network += 1
        self.epoch = self.refit_epoch = self.refit_epochs = 0
        self.parts: list[str] = []
        self.refit_loss = ""
        self.best_loss, self.best_epoch = math.inf, 0

    def add(self, loss: float, validation_loss: float | None) -> None:
        """Take note of an epoch."""
        if self.refit_epochs:
            self.refit_epoch += 1
            self.refit_loss = f"loss: {loss:.4g}"
            return
        self.epoch += 1
        self.parts = [f"loss: {loss:.4g}"]
        if validation_loss is None:
            return
        if validation_loss < self.best_loss:
            self.best_loss, self.best_epoch = validation_loss, self.epoch
        self.parts.append(f"val_loss: {validation_loss:.4g}")
        if self.best_epoch:
            self.parts.append(f"best: {self.best_loss:.4g} (epoch {self.best_epoch})")

    def of_fit(self) -> str:
        """Return how far the fit is; losses are those of ``history_``."""
        return " - ".join([*self._head(), *self.parts])

    def of_epoch(self) -> str:
        """Return what the newest epoch came to."""
        parts = [self.refit_loss] if self.refit_epochs else self.parts
        return " - ".join([*self._head(), *parts])

    def _head(self) -> tuple[str, str]:
        where = [f"network {self.network}/{self.n_networks}"] * (self.n_networks > 1)
        where.append(f"epoch {self.epoch}/{self.epochs}")
        if self.refit_epochs:
            where.append(f"refit {self.refit_epoch}/{self.refit_epochs}")
        seconds = time.perf_counter() - self._start
        return ", ".join(where).capitalize(), f"{seconds:.1f} s"


# -- a fit ----------------------------------------------------------------------------


class Progress:
    """A fit as it is told: its networks, and the epochs of each.

    Parameters
    ----------
    tasks : Tasks
        Those of the fit, which has begun.
    n_networks : int
        How many are trained.
    epochs, n_most : int
        Of each network at most, without and with those of the refit.
    line : Line
        Shows how far the fit is.
    prints_epochs : bool
        Whether each epoch has a line.
    """

    def __init__(
        self,
        tasks: Tasks,
        *,
        n_networks: int,
        epochs: int,
        n_most: int,
        line: Line,
        prints_epochs: bool,
    ):
        self._tasks = tasks
        self._n_networks, self._n_most = n_networks, n_most
        self._report = _Report(n_networks, epochs)
        self._line = line
        self._prints_epochs = prints_epochs
        self._member: Any = None
        self._state_with: Callable = dict
        self._is_refit = self._is_in_epoch = self._is_ended = False

    @property
    def is_watched(self) -> bool:
        """Whether somebody wants to hear of each epoch when it ends."""
        return self._tasks.is_watched or self._prints_epochs

    def begin_network(self, member: Any, state_with: Callable) -> None:
        """Begin the training of a network.

        Parameters
        ----------
        member : Member
            The network as it begins.
        state_with : callable
            From such a network, some epochs later, to the attributes with which a copy
            of the estimator predicts with it.
        """
        self._member, self._state_with = member, state_with
        self._is_refit = False
        self._report.begin_network()
        if self._n_networks > 1:
            self._tasks.begin("network", self._n_most)

    def begin_refit(self, member: Any, epochs: int) -> None:
        """Begin some epochs on all rows, with the network as it is then."""
        self._member, self._is_refit = member, True
        self._report.refit_epochs = epochs

    def end_network(self) -> bool:
        """End the training of a network; return whether no other is to follow."""
        return self._n_networks > 1 and self._tasks.end({})

    def begin_epoch(self, get_weights: Callable, history: dict) -> None:
        """Begin an epoch.

        Parameters
        ----------
        get_weights : callable
            Gives the weights that it begins with.
        history : dict of lists of float
            Losses until then, as in ``history_``.
        """
        self._is_in_epoch = self.is_watched
        if self._is_in_epoch:
            name = "refit-epoch" if self._is_refit else "epoch"
            self._tasks.begin(name, state=self._state(get_weights, history))

    def end_epoch(
        self,
        loss: float,
        validation_loss: float | None,
        get_weights: Callable,
        history: dict,
    ) -> bool:
        """End an epoch; return whether a callback asks to stop.

        Parameters
        ----------
        loss, validation_loss : float
            What it came to; the latter None without validation.
        get_weights : callable
            Gives the weights after it.
        history : dict of lists of float
            Losses until then, with its own.
        """
        self._report.add(loss, validation_loss)
        self._line.show(self._report.of_fit)
        if self._prints_epochs:
            print(f"{self._report.of_epoch()}\n", end="", flush=True)
        if not self._is_in_epoch:
            return False
        self._is_in_epoch = False
        return self._tasks.end(self._state(get_weights, history))

    def end_training(self) -> None:
        """End an epoch that was interrupted."""
        if self._is_in_epoch:
            self._is_in_epoch = False
            self._tasks.end()

    def end(self) -> None:
        """Print the last state, once."""
        if not self._is_ended:
            self._line.end(self._report.of_fit())
        self._is_ended = True

    def _state(self, get_weights: Callable, history: dict) -> Callable:
        """Return what gives the attributes, None where weights are not finite."""
        losses = None if self._is_refit else history

        def state():
            weights = get_weights()
            is_finite = all(np.isfinite(array).all() for array in weights)
            if not is_finite:
                return None
            return self._state_with(self._member.after(weights, losses))

        return state


@contextmanager
def progress_of(
    estimator: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    *,
    n_networks: int,
    epochs: int,
    n_refit: int,
    verbose: int,
) -> Iterator[Progress]:
    """Tell of a fit, in lines and to callbacks, as long as the block runs.

    Parameters
    ----------
    estimator : WindowRegressor
        The one whose fit it is.
    X, y, sample_weight : array-like
        What it was given.
    n_networks : int
        How many are trained.
    epochs, n_refit : int
        Of each network, and of its refit, at most.
    verbose : int
        0 prints nothing, 1 a line for the fit, more a line for each epoch.
    """
    n_most = epochs + n_refit
    metadata = None if sample_weight is None else {"sample_weight": sample_weight}
    n_tasks = n_networks if n_networks > 1 else n_most
    with (
        tasks_of(estimator, X, y, metadata=metadata, n_most=n_tasks) as tasks,
        Line(is_silent=verbose != 1, pause=_PAUSE) as line,
    ):
        progress = Progress(
            tasks,
            n_networks=n_networks,
            epochs=epochs,
            n_most=n_most,
            line=line,
            prints_epochs=verbose > 1,
        )
        yield progress
        progress.end()
