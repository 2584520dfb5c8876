"""Hold Ctrl-C back until training is between two steps, where nothing is half done.

Python raises a ``KeyboardInterrupt`` between any two lines: between a loss and the
weights that belong to it, or inside Keras, where it may be lost.
"""

from __future__ import annotations

import inspect
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["interrupts_held", "let_interrupt_through"]

# Seconds within which a second interrupt means that the caller, too, is to stop.
_AT_ONCE = 2.0


class _Hold:
    """The interrupt that came while interrupts were held."""

    # When the newest interrupt came, in this hold or in one before.
    newest = -float("inf")

    def __init__(self, handler: Callable):
        self.handler = handler
        self.is_waiting = self.is_insisted = self.is_caught = False

    def hear(self, *_: object) -> None:
        """Remember that an interrupt came."""
        now = time.monotonic()
        self.is_insisted |= now - _Hold.newest < _AT_ONCE
        self.is_waiting, _Hold.newest = True, now

    def let_through(self) -> None:
        """Hand the interrupt that came to whoever handled interrupts before."""
        if not self.is_waiting:
            return
        self.is_waiting = False
        try:
            self.handler(signal.SIGINT, inspect.currentframe())
        except KeyboardInterrupt:
            self.is_caught = True
            raise


# One at most: that of the main thread.
_holds: list[_Hold] = []


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold an interrupt (SIGINT) back until the block asks for it, or ends.

    Whoever catches what :func:`let_interrupt_through` raises goes on after the block.
    After a second interrupt within two seconds of the first, in this block or in the
    one before, the block ends with KeyboardInterrupt all the same.

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
    handler = signal.getsignal(signal.SIGINT)
    if not _is_main_thread() or _holds or not callable(handler):
        yield
        return
    hold = _Hold(handler)
    _holds.append(hold)
    signal.signal(signal.SIGINT, hold.hear)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        _holds.remove(hold)
        hold.let_through()
        if hold.is_insisted and hold.is_caught:
            raise KeyboardInterrupt


def let_interrupt_through() -> None:
    """Let an interrupt through that came and was held.

    For code that is called within :func:`interrupts_held`, where nothing is half done.
    """
    if _holds and _is_main_thread():
        _holds[-1].let_through()


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
