"""Keep costly things for later use: a few of them, each lent to one user at a time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

__all__ = ["Pool"]

Thing = TypeVar("Thing")


class Pool(Generic[Thing]):
    """Things filed under keys, the least recently used of them dropped first.

    Parameters
    ----------
    most : int
        How many things are kept idle, over all keys.
    """

    def __init__(self, most: int):
        self.most = most
        self._idle: OrderedDict[Hashable, list[Thing]] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def lent(self, key: Hashable | None, make: Callable[[], Thing]) -> Iterator[Thing]:
        """Lend a thing, made anew where none is idle; keep it unless the block raises.

        Parameters
        ----------
        key : hashable or None
            What things that can stand for each other are filed under; None for a
            thing that is made for this block alone.
        make : callable
            Returns a new thing.
        """
        with self._lock:
            idle = self._idle.get(key, [])
            thing = idle.pop() if idle else None
            if not idle:
                self._idle.pop(key, None)
        thing = make() if thing is None else thing
        yield thing
        if key is not None:
            self._keep(key, thing)

    def _keep(self, key: Hashable, thing: Thing) -> None:
        with self._lock:
            self._idle.setdefault(key, []).append(thing)
            self._idle.move_to_end(key)
            while len(self) > self.most:
                oldest = next(iter(self._idle))
                self._idle[oldest].pop()
                if not self._idle[oldest]:
                    del self._idle[oldest]

    def __len__(self) -> int:
        return sum(map(len, self._idle.values()))

    def clear(self) -> None:
        """Drop all idle things."""
        with self._lock:
            self._idle.clear()

    def keys(self) -> list[Hashable]:
        """Return the keys of idle things, the least recently used first."""
        return list(self._idle)
