"""Hold Ctrl-C back while TensorFlow's Python code runs, which it would harm.

Python raises a ``KeyboardInterrupt`` between any two lines. Inside a destructor it is
printed and lost; between the lines of TensorFlow it can end the process, and in the
middle of an import it leaves half of a module, which fails for as long as Python runs.
"""

from __future__ import annotations

import inspect
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["interrupts_held", "let_interrupt_through"]

# Seconds within which a second interrupt insists, and for which one waits at least.
_AT_ONCE = 2.0


@contextmanager
def interrupts_held(*, is_import: bool = False) -> Iterator[None]:
    """Hold an interrupt (SIGINT) back until the block asks for it, or ends.

    Whoever caught what it raised goes on after the block; but where the user insisted
    with a second one right after the first, in this block or in one before, the block
    ends with KeyboardInterrupt all the same. One that comes when another has waited
    for long is not held, so that Python code that hangs can be left; but imports,
    which end by themselves, are never cut.

    Only the main thread hears of interrupts: in others, within a block that holds them,
    and where they are ignored or not Python's business, nothing is held.

    Examples
    --------
    >>> import signal
    >>> with interrupts_held():
    ...     signal.raise_signal(signal.SIGINT)
    ...     print("still here")
    ...     try:
    ...         let_interrupt_through()
    ...     except KeyboardInterrupt:
    ...         print("interrupted")
    still here
    interrupted
    """
    if is_import and _is_main_thread() and _holds:
        _holds[-1].is_import, before = True, _holds[-1].is_import
        try:
            yield
        finally:
            _holds[-1].is_import = before
        return
    handler = signal.getsignal(signal.SIGINT)
    if not _is_main_thread() or _holds or not callable(handler):
        yield
        return
    hold = _Hold(handler, is_import)
    _holds.append(hold)
    signal.signal(signal.SIGINT, hold.hear)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        _holds.remove(hold)
        hold.end()


def let_interrupt_through() -> None:
    """Let an interrupt through that came and was held.

    For code that is called within :func:`interrupts_held`, where nothing is half done.
    """
    if _holds and _is_main_thread():
        _holds[-1].let_through()


class _Hold:
    """What came while interrupts were held."""

    # When the newest interrupt came, in this hold or in one before.
    newest = -float("inf")

    def __init__(self, handler: Callable[[int, Any], Any], is_import: bool):
        self.handler = handler
        self.is_import = is_import
        self.waits_since: float | None = None
        self.is_caught = False
        self.is_insisted = False

    def hear(self, *_: Any) -> None:
        """Remember an interrupt, and how it came.

        What it raises where it is not held may be lost on its way, so it stays
        remembered.
        """
        now = time.monotonic()
        self.is_insisted |= now - _Hold.newest < _AT_ONCE
        _Hold.newest = now
        if self.waits_since is None:
            self.waits_since = now
        elif now - self.waits_since > _AT_ONCE and not self.is_import:
            self._handle()

    def let_through(self) -> None:
        """Handle the interrupt that came, if one did."""
        if self.waits_since is not None:
            self.waits_since = None
            self._handle()

    def end(self) -> None:
        """Handle what nobody asked for, or asked for and caught."""
        self.let_through()
        if self.is_insisted and self.is_caught:
            raise KeyboardInterrupt

    def _handle(self) -> None:
        try:
            self.handler(signal.SIGINT, inspect.currentframe())
        except KeyboardInterrupt:
            self.is_caught = True
            raise


# One at most: that of the main thread.
_holds: list[_Hold] = []


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
