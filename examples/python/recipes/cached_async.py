"""A cached function for asyncio: computed by one caller, used by all of them, on all machines.

The same as `cached`, for programs with an event loop. What it computes must not hold that up for as long as a lease, or
the heartbeat stops: give work for the processor to a thread (`asyncio.to_thread`) or to a process.

    cache = AsyncResultCache("redis://localhost", "shop")
    report = await cache.cached("report", {"month": "2031-05"}, lambda: make_report("2031-05"))
"""

import asyncio
import json
import logging
import math
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

log = logging.getLogger(__name__)

COMMAND_S = 1.0  # An answer that does not have to be waited for takes microseconds: after a second, something is wrong.
BLOCK_S = 5.0  # One wait for another's result. Then it is asked again, so that a dead server is noticed.


class ComputationFailed(Exception):
    """Another caller failed to compute this a moment ago, and said so."""


class StillComputing(Exception):
    """Another caller computes this for longer than `patience`. Holds the progress that it told, if any."""


class AsyncResultCache:
    def __init__(self, url: str, namespace: str, *, lease_s: float = 30, patience_s: float = 60) -> None:
        """`lease_s`: how long after the death of whoever computes another takes over. A computation may take longer."""
        self._namespace = namespace
        self._lease_s = lease_s
        self._patience_s = patience_s
        self._quick = self._connect(url, COMMAND_S)
        # Calls that wait have connections, and a time-out, of their own: those of others never queue behind them.
        self._waiting = self._connect(url, BLOCK_S + COMMAND_S)
        self._refreshes: set[asyncio.Task[None]] = set()

    def _connect(self, url: str, timeout: float) -> redis.Redis | redis.RedisCluster:
        # Two retries, on lost connections and time-outs. HOLDER makes them safe: a repeated FETCH gets its own lease.
        retry = Retry(ExponentialBackoff(base=0.02, cap=0.2), 2, (redis.ConnectionError, redis.TimeoutError))
        return redis.Redis.from_url(
            url,
            decode_responses=True,
            socket_connect_timeout=COMMAND_S,
            socket_timeout=timeout,
            retry=retry,
            max_connections=1000,  # Of 100, the default, the hundred-and-first caller who waits would be refused.
        )

    async def cached(
        self, operation: str, params: Any, compute: Callable[[], Awaitable[Any]], *options: str | int
    ) -> Any:
        """What `compute` returns, or returned to somebody before. `options` are those of FILL: "EX", 60, "TAGS", 1, "shop:7"."""
        fetch: list[str | int] = ["FETCH", self._namespace, operation, json.dumps(params, allow_nan=False)]
        fetch += ["LEASE", round(self._lease_s * 1000), "HOLDER", uuid.uuid4().hex]
        deadline = time.monotonic() + self._patience_s
        status, value, token, _ = await self._quick.execute_command("CACHE.RESULT", *fetch)
        while status == "BUSY":
            began = time.monotonic()
            if began >= deadline:
                raise StillComputing(f"{operation}: {value}")
            block_s = min(BLOCK_S, deadline - began)
            block_ms = math.ceil(block_s * 1000)
            status, value, token, _ = await self._waiting.execute_command("CACHE.RESULT", *fetch, "BLOCK", block_ms)
            if status == "BUSY" and time.monotonic() < began + block_s / 2:
                await asyncio.sleep(0.1)  # Nobody was let wait: more do than cache.waiters-max.
        if status == "FAILED":
            raise ComputationFailed(value)
        if status == "LEASE":
            return await self._compute(token, compute, options)
        if token:  # A value to go on with, and a lease to refresh it.
            refresh = asyncio.create_task(self._refresh(token, compute, options))
            self._refreshes.add(refresh)  # The event loop itself holds tasks only weakly.
            refresh.add_done_callback(self._refreshes.discard)
        return json.loads(value)

    async def _compute(self, token: str, compute: Callable[[], Awaitable[Any]], options: tuple[str | int, ...]) -> Any:
        began = time.monotonic()
        heartbeat = asyncio.create_task(self._keep_lease(token))
        try:
            result = json.dumps(await compute(), allow_nan=False)
        except Exception as error:
            await self._tell("FAIL", token, repr(error)[:1000])
            raise
        except BaseException:  # Cancelled. That says nothing about the result: let another try.
            await self._tell("RELEASE", token)
            raise
        finally:
            heartbeat.cancel()
        # Stored or not, it is what this caller asked for. Refused (FENCED) is what may rest on data that changed meanwhile.
        await self._tell("FILL", token, result, "TOOK", round((time.monotonic() - began) * 1000), *options)
        return json.loads(result)  # As all others get it: with lists for tuples, say.

    async def _refresh(self, token: str, compute: Callable[[], Awaitable[Any]], options: tuple[str | int, ...]) -> None:
        try:
            await self._compute(token, compute, options)
        except Exception:
            log.exception("refresh failed; what was there is served on, as its GRACE allows")

    async def _keep_lease(self, token: str) -> None:
        # One of three renewals may get lost. A lost lease costs nothing as long as nobody else computes.
        while await asyncio.sleep(self._lease_s / 3, True):
            if await self._tell("RENEW", token) == "FENCED":
                return

    async def _tell(self, subcommand: str, token: str, *arguments: str | int) -> str | None:
        """Gives notice to the cache. What goes wrong is its own affair, never the caller's."""
        try:
            reply: str = await self._quick.execute_command("CACHE.RESULT", subcommand, self._namespace, token, *arguments)
        except redis.RedisError as error:
            log.warning("%s was not taken: %s", subcommand, error)
            return None
        if reply == "FENCED":
            log.info("%s came too late: the entry was invalidated or overtaken", subcommand)
        return reply

    async def aclose(self) -> None:
        await asyncio.gather(*self._refreshes)
        await self._quick.aclose()
        await self._waiting.aclose()
