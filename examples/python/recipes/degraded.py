"""Going on without the cache: its trouble never becomes the caller's, who gets the same answer, only later.

Wrap the cache of `cached` (or `plain`) in it wherever an answer matters more than how long it takes. What is survived: a server
that is down, that hangs, is full, is loading, is a replica, has not loaded the module or does not allow this user; and a
cache that is switched off (`cache.enabled no`), which needs nothing of the kind: everybody is told to compute.

    cache = Degraded(ResultCache("redis://localhost", "shop"))

After trouble that concerns the whole server, nobody asks it for `pause_s`, so that a hanging server costs one caller
its time-out and not each of them. Nothing is computed twice, whenever the trouble comes.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Generic, Protocol, TypeVar

from redis import RedisError, ResponseError

log = logging.getLogger(__name__)

# Said of one request. Everything else, as far as it goes, is said of the server.
OF_THE_REQUEST = ("BADPARAMS", "BADNAME", "TOOBIG", "WRONGTYPE")

T = TypeVar("T")


class Cache(Protocol):
    def cached(self, operation: str, params: Any, compute: Callable[[], Any], *options: str | int) -> Any: ...


class AsyncCache(Protocol):
    async def cached(
        self, operation: str, params: Any, compute: Callable[[], Awaitable[Any]], *options: str | int
    ) -> Any: ...


class Degraded:
    def __init__(self, cache: Cache, *, pause_s: float = 5) -> None:
        self._cache = cache
        self._trouble = Trouble(pause_s)

    def cached(self, operation: str, params: Any, compute: Callable[[], Any], *options: str | int) -> Any:
        if self._trouble.lasts():
            return compute()
        once = Once(compute)
        try:
            return self._cache.cached(operation, params, once.compute, *options)
        except RedisError as error:
            if once.began:  # It is the computation's own, which may well use Redis too.
                raise
            self._trouble.note(error)
            return compute()


class AsyncDegraded:
    def __init__(self, cache: AsyncCache, *, pause_s: float = 5) -> None:
        self._cache = cache
        self._trouble = Trouble(pause_s)

    async def cached(
        self, operation: str, params: Any, compute: Callable[[], Awaitable[Any]], *options: str | int
    ) -> Any:
        if self._trouble.lasts():
            return await compute()
        once = Once(compute)
        try:
            return await self._cache.cached(operation, params, once.compute, *options)
        except RedisError as error:
            if once.began:
                raise
            self._trouble.note(error)
            return await compute()


class Once(Generic[T]):
    """Remembers whether it was called: then what is raised after is not about asking the cache."""

    def __init__(self, compute: Callable[[], T]) -> None:
        self._compute = compute
        self.began = False

    def compute(self) -> T:
        self.began = True
        return self._compute()


class Trouble:
    def __init__(self, pause_s: float) -> None:
        self._pause_s = pause_s
        self._ends = 0.0

    def lasts(self) -> bool:
        return time.monotonic() < self._ends

    def note(self, error: RedisError) -> None:
        if isinstance(error, ResponseError) and str(error).startswith(OF_THE_REQUEST):
            log.error("this cannot be cached: %s", error)
            return
        self._ends = time.monotonic() + self._pause_s
        log.warning("without the cache for %s s: %s", self._pause_s, error)
