"""Locks by what they are about: who works on one thing waits for nobody who works on another."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import Final, Generic, TypeVar
from weakref import WeakValueDictionary

_Key = TypeVar("_Key", bound=Hashable)


class Locks(Generic[_Key]):
    """A lock for each key, which is there for as long as somebody holds it or waits for it. One event loop."""

    def __init__(self) -> None:
        self._locks: Final[WeakValueDictionary[_Key, asyncio.Lock]] = WeakValueDictionary()

    def of(self, key: _Key) -> asyncio.Lock:
        """Return the lock of `key`: `async with locks.of(key)`."""
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        return lock

    def __len__(self) -> int:
        """Return how many there are now."""
        return len(self._locks)
