"""Import libraries when they are first needed: one at a time, and to the end."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

__all__ = ["Interrupt", "imported", "untouched_random"]

# Two threads that import parts of TensorFlow wait for each other without end.
_importing = threading.RLock()


class Interrupt:
    """Ctrl-C as a flag, which is read where nothing is half done.

    A second Ctrl-C raises KeyboardInterrupt. That is for the main thread, where
    Python's own handler is in its place.
    """

    def __init__(self) -> None:
        self.is_set = False

    def __enter__(self) -> Interrupt:
        is_main = threading.current_thread() is threading.main_thread()
        self._is_heard = (
            is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        )
        if self._is_heard:
            signal.signal(signal.SIGINT, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_heard:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _hear(self, *_: object) -> None:
        self.is_set = True
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def untouched_random() -> Iterator[None]:
    """Give Python's global generator back as it was before the block."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)


def imported(name: str) -> Any:
    """Return a module, which is imported to its end: Ctrl-C is raised after it.

    An import that was cut off leaves half of a library behind. That of TensorFlow takes
    seconds, and moves Python's global generator, which is the user's.
    """
    with _importing, Interrupt() as interrupt, untouched_random():
        module = import_module(name)
    if interrupt.is_set:
        raise KeyboardInterrupt
    return module
