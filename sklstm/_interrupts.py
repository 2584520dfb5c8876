"""Hold Ctrl-C back while TensorFlow's Python code runs, which it would harm.

Python raises a ``KeyboardInterrupt`` between any two lines. Inside a destructor it is
printed and lost; between the lines of TensorFlow it can end the process, and in the
middle of an import it leaves half of a module, which fails for as long as Python runs.
"""

from __future__ import annotations

import inspect
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["interrupts_held"]


@contextmanager
def interrupts_held() -> Iterator[Callable[[], None]]:
    """Hold an interrupt (SIGINT) back until the block ends, or asks for it.

    The second one waits for nothing, so that code that hangs can be left. Only the
    main thread hears of interrupts: in others, and where they are ignored or are the
    business of another language, nothing is held.

    Yields
    ------
    callable
        Lets an interrupt through that came, and does nothing else: where it is the
        usual one, KeyboardInterrupt is raised.

    Examples
    --------
    >>> import signal
    >>> with interrupts_held() as let_through:
    ...     signal.raise_signal(signal.SIGINT)
    ...     print("still here")
    ...     try:
    ...         let_through()
    ...     except KeyboardInterrupt:
    ...         print("interrupted")
    still here
    interrupted
    """
    handler = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if not callable(handler) or not is_main:
        yield lambda: None
        return
    hold = _Hold(handler)
    signal.signal(signal.SIGINT, hold.hear)
    try:
        yield hold.let_through
    finally:
        signal.signal(signal.SIGINT, handler)
        hold.let_through()


class _Hold:
    """What came while interrupts were held."""

    def __init__(self, handler: Callable[[int, Any], Any]):
        self.handler = handler
        self.has_come = False

    def hear(self, *_: Any) -> None:
        """Remember an interrupt; handle it, too, where it is the second.

        What that raises may be lost on its way, so it stays remembered.
        """
        if self.has_come:
            self._handle()
        self.has_come = True

    def let_through(self) -> None:
        """Handle the interrupt that came, if one did."""
        if self.has_come:
            self.has_come = False
            self._handle()

    def _handle(self) -> None:
        self.handler(signal.SIGINT, inspect.currentframe())
