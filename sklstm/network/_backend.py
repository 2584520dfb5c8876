"""Import TensorFlow, Keras and scikeras when they are first needed.

Importing them takes seconds, and moves Python's global random generator. Nothing that
only makes windows or predicts should wait for them, and no fit may touch a generator
that is the user's.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

__all__ = ["backend", "untouched_random"]


def backend(name: str) -> Any:
    """Return a module by name, the global generator as it was."""
    with untouched_random():
        return import_module(name)


@contextmanager
def untouched_random() -> Iterator[None]:
    """Give Python's global generator back as it was before the block."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)
