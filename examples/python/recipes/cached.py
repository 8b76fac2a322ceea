"""A cached function for programs with threads: computed by one caller, used by all of them, on all machines.

Use it where a result takes longer to make than a round trip to Redis takes, and is asked for again. What is
kept how long, and what is served while it is refreshed, say rules in the server:

    CACHE.POLICY SET shop * TTL 10m GRACE 1h REFRESH 10 NEGATIVE 5s

    cache = ResultCache("redis://localhost", "shop")
    report = cache.cached("report", {"month": "2031-05"}, lambda: make_report("2031-05"))

Results and params are JSON. Errors of Redis are raised where they come before the computation; `degraded` answers them.
"""

import json
import logging
import math
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

log = logging.getLogger(__name__)

COMMAND_S = 1.0  # An answer that does not have to be waited for takes microseconds: after a second, something is wrong.
BLOCK_S = 5.0  # One wait for another's result. Then it is asked again, so that a dead server is noticed.


class ComputationFailed(Exception):
    """Another caller failed to compute this a moment ago, and said so."""


class StillComputing(Exception):
    """Another caller computes this for longer than `patience`. Holds the progress that it told, if any."""


class ResultCache:
    def __init__(self, url: str, namespace: str, *, lease_s: float = 30, patience_s: float = 60, refreshers: int = 4) -> None:
        """`lease_s`: how long after the death of whoever computes another takes over. A computation may take longer."""
        self._namespace = namespace
        self._lease_s = lease_s
        self._patience_s = patience_s
        self._quick = self._connect(url, COMMAND_S)
        # Calls that wait have connections, and a time-out, of their own: those of others never queue behind them.
        self._waiting = self._connect(url, BLOCK_S + COMMAND_S)
        self._refreshers = ThreadPoolExecutor(refreshers, "refresh")

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

    def cached(self, operation: str, params: Any, compute: Callable[[], Any], *options: str | int) -> Any:
        """What `compute` returns, or returned to somebody before. `options` are those of FILL: "EX", 60, "TAGS", 1, "shop:7"."""
        fetch: list[str | int] = ["FETCH", self._namespace, operation, json.dumps(params, allow_nan=False)]
        fetch += ["LEASE", round(self._lease_s * 1000), "HOLDER", uuid.uuid4().hex]
        deadline = time.monotonic() + self._patience_s
        status, value, token, _ = self._quick.execute_command("CACHE.RESULT", *fetch)
        while status == "BUSY":
            began = time.monotonic()
            if began >= deadline:
                raise StillComputing(f"{operation}: {value}")
            block_s = min(BLOCK_S, deadline - began)
            block_ms = math.ceil(block_s * 1000)
            status, value, token, _ = self._waiting.execute_command("CACHE.RESULT", *fetch, "BLOCK", block_ms)
            if status == "BUSY" and time.monotonic() < began + block_s / 2:
                time.sleep(0.1)  # Nobody was let wait: more do than cache.waiters-max.
        if status == "FAILED":
            raise ComputationFailed(value)
        if status == "LEASE":
            return self._compute(token, compute, options)
        if token:  # A value to go on with, and a lease to refresh it.
            self._refreshers.submit(self._refresh, token, compute, options)
        return json.loads(value)

    def _compute(self, token: str, compute: Callable[[], Any], options: tuple[str | int, ...]) -> Any:
        began = time.monotonic()
        done = threading.Event()
        threading.Thread(target=self._keep_lease, args=(token, done), name="heartbeat", daemon=True).start()
        try:
            result = json.dumps(compute(), allow_nan=False)
        except Exception as error:
            self._tell("FAIL", token, repr(error)[:1000])
            raise
        except BaseException:  # The program ends. That says nothing about the result: let another try.
            self._tell("RELEASE", token)
            raise
        finally:
            done.set()
        # Stored or not, it is what this caller asked for. Refused (FENCED) is what may rest on data that changed meanwhile.
        self._tell("FILL", token, result, "TOOK", round((time.monotonic() - began) * 1000), *options)
        return json.loads(result)  # As all others get it: with lists for tuples, say.

    def _refresh(self, token: str, compute: Callable[[], Any], options: tuple[str | int, ...]) -> None:
        try:
            self._compute(token, compute, options)
        except Exception:
            log.exception("refresh failed; what was there is served on, as its GRACE allows")

    def _keep_lease(self, token: str, done: threading.Event) -> None:
        # One of three renewals may get lost. A lost lease costs nothing as long as nobody else computes.
        while not done.wait(self._lease_s / 3):
            if self._tell("RENEW", token) == "FENCED":
                return

    def _tell(self, subcommand: str, token: str, *arguments: str | int) -> str | None:
        """Gives notice to the cache. What goes wrong is its own affair, never the caller's."""
        try:
            reply: str = self._quick.execute_command("CACHE.RESULT", subcommand, self._namespace, token, *arguments)
        except redis.RedisError as error:
            log.warning("%s was not taken: %s", subcommand, error)
            return None
        if reply == "FENCED":
            log.info("%s came too late: the entry was invalidated or overtaken", subcommand)
        return reply

    def close(self) -> None:
        self._refreshers.shutdown()
        self._quick.close()
        self._waiting.close()
