"""Recipe 1: `cached` and `cached_async`."""

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from redis._parsers import _AsyncRESP3Parser, _RESP3Parser

from recipes.cached import ComputationFailed, ResultCache, StillComputing
from recipes.cached_async import AsyncResultCache
from recipes.cached_async import ComputationFailed as AsyncComputationFailed
from recipes.cached_async import StillComputing as AsyncStillComputing

from .server import Server, eventually

NS, OP, PARAMS = "shop", "report", {"month": "2031-05"}
TEXT = json.dumps(PARAMS)


class FromThreads:
    """The asyncio recipe with the interface of the other, so that both pass the same tests."""

    def __init__(self, url: str, namespace: str, **settings: float) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._cache = self._run(self._make(url, namespace, settings))

    async def _make(self, url: str, namespace: str, settings: dict[str, float]) -> AsyncResultCache:
        return AsyncResultCache(url, namespace, **settings)

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def cached(self, operation: str, params: Any, compute: Callable[[], Any], *options: str | int) -> Any:
        async def in_thread() -> Any:
            return await asyncio.to_thread(compute)

        try:
            return self._run(self._cache.cached(operation, params, in_thread, *options))
        except AsyncComputationFailed as error:
            raise ComputationFailed(*error.args) from error
        except AsyncStillComputing as error:
            raise StillComputing(*error.args) from error

    def close(self) -> None:
        self._run(self._cache.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


Make = Callable[..., "ResultCache | FromThreads"]


@pytest.fixture(params=[ResultCache, FromThreads], ids=["threads", "asyncio"])
def make(request: pytest.FixtureRequest, server: Server) -> Iterator[Make]:
    made: list[ResultCache | FromThreads] = []

    def one(**settings: float) -> ResultCache | FromThreads:
        made.append(request.param(server.url, NS, **settings))
        return made[-1]

    yield one
    for cache in made:
        cache.close()


def info(client: redis.Redis) -> dict[str, Any]:
    pairs: dict[str, Any] = client.execute_command("CACHE.RESULT", "INFO", NS, OP, TEXT)
    return pairs


def stat(client: redis.Redis, name: str) -> int:
    return int(client.execute_command("CACHE.STATS", NS)[name])


def never() -> Any:
    raise AssertionError("computed although it was there")


def test_computes_once_and_finds_it_again(make: Make) -> None:
    cache = make()
    assert cache.cached(OP, PARAMS, lambda: {"sum": 7, "pair": (1, 2)}) == {"sum": 7, "pair": [1, 2]}
    assert make().cached(OP, PARAMS, never) == {"sum": 7, "pair": [1, 2]}


def test_options_are_those_of_fill(make: Make, client: redis.Redis) -> None:
    make().cached(OP, PARAMS, lambda: 1, "EX", 60, "TAGS", 1, "shop:7")
    assert 0 < info(client)["fresh_for_ms"] <= 60_000
    assert info(client)["tags"] == ["shop:7"]


def test_many_callers_one_computation(make: Make, client: redis.Redis) -> None:
    cache, may_end, computed = make(), threading.Event(), []

    def compute() -> str:
        computed.append(1)
        assert may_end.wait(10)
        return "made"

    with ThreadPoolExecutor(20) as callers:
        answers = [callers.submit(cache.cached, OP, PARAMS, compute) for _ in range(20)]
        eventually(lambda: stat(client, "waiters") == 19, what="19 waiters")
        may_end.set()
        assert [answer.result(10) for answer in answers] == ["made"] * 20
    assert len(computed) == 1
    assert stat(client, "coalesced") == 19


def test_heartbeat_keeps_a_lease_shorter_than_the_work(make: Make, client: redis.Redis) -> None:
    def compute() -> str:
        eventually(lambda: stat(client, "leases_renewed") >= 3, what="the third renewal")
        assert info(client)["holder"]
        return "slow"

    assert make(lease_s=0.3).cached(OP, PARAMS, compute) == "slow"
    assert stat(client, "leases_lapsed") == 0
    assert make().cached(OP, PARAMS, never) == "slow"


def test_takes_over_from_a_holder_that_died(make: Make, client: redis.Redis) -> None:
    client.execute_command("CACHE.RESULT", "FETCH", NS, OP, TEXT, "LEASE", 300)
    assert make().cached(OP, PARAMS, lambda: "by another") == "by another"


def test_gives_up_after_its_patience_and_shows_the_progress(make: Make, client: redis.Redis) -> None:
    token = client.execute_command("CACHE.RESULT", "FETCH", NS, OP, TEXT)[2]
    client.execute_command("CACHE.RESULT", "RENEW", NS, token, "PROGRESS", '{"percent":40}')
    with pytest.raises(StillComputing, match='"percent":40'):
        make(patience_s=0.3).cached(OP, PARAMS, never)


def test_an_error_reaches_its_caller_and_those_who_wait(make: Make, client: redis.Redis) -> None:
    client.execute_command("CACHE.POLICY", "SET", NS, "*", "NEGATIVE", "5s")
    cache = make()

    def fail() -> Any:
        eventually(lambda: stat(client, "waiters") == 1, what="a waiter")
        raise ZeroDivisionError("no shops")

    with ThreadPoolExecutor(2) as callers:
        first = callers.submit(cache.cached, OP, PARAMS, fail)
        eventually(lambda: info(client)["holder"] is not None, what="the lease")
        second = callers.submit(cache.cached, OP, PARAMS, never)
        with pytest.raises(ZeroDivisionError, match="no shops"):
            first.result(10)
        with pytest.raises(ComputationFailed, match="no shops"):
            second.result(10)
    with pytest.raises(ComputationFailed, match="no shops"):  # Remembered, as the rule NEGATIVE says.
        cache.cached(OP, PARAMS, never)


def test_serves_stale_at_once_and_refreshes_behind(make: Make, client: redis.Redis) -> None:
    cache, may_end = make(), threading.Event()
    client.execute_command("CACHE.RESULT", "SET", NS, OP, TEXT, '"old"', "PX", 1, "GRACE", 60_000)
    eventually(lambda: info(client)["state"] == "stale", what="staleness")

    def compute() -> str:
        assert may_end.wait(10)
        return "new"

    assert cache.cached(OP, PARAMS, compute) == "old"
    assert cache.cached(OP, PARAMS, never) == "old"  # One refreshes; all others go on with what there is.
    may_end.set()
    eventually(lambda: cache.cached(OP, PARAMS, never) == "new", what="the refresh")


def test_a_failed_refresh_leaves_the_stale_value(make: Make, client: redis.Redis) -> None:
    cache = make()
    client.execute_command("CACHE.RESULT", "SET", NS, OP, TEXT, '"old"', "PX", 1, "GRACE", 60_000)
    eventually(lambda: info(client)["state"] == "stale", what="staleness")

    def fail() -> Any:
        raise OSError("no network")

    assert cache.cached(OP, PARAMS, fail) == "old"
    eventually(lambda: stat(client, "leases_failed") == 1, what="the failure")
    assert cache.cached(OP, PARAMS, never) == "old"


def test_fenced_result_is_the_callers_and_nobody_elses(make: Make, client: redis.Redis) -> None:
    def compute() -> str:
        client.execute_command("CACHE.INVALIDATE", "NAMESPACE", NS)
        return "of yesterday"

    assert make().cached(OP, PARAMS, compute) == "of yesterday"
    assert stat(client, "fenced") == 1
    assert make().cached(OP, PARAMS, lambda: "of today") == "of today"


def test_a_lost_lease_does_not_lose_the_result(make: Make, client: redis.Redis) -> None:
    def compute() -> str:
        client.execute_command("CACHE.RESULT", "SET", NS, OP, TEXT, '"by another"')
        eventually(lambda: stat(client, "fenced") >= 1, what="a renewal that is refused")
        return "mine"

    assert make(lease_s=0.2).cached(OP, PARAMS, compute) == "mine"
    assert make().cached(OP, PARAMS, never) == "by another"


def test_a_repeated_question_gets_its_own_lease(make: Make, client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reply to the first FETCH is lost: the retry must not wait for the lease of its own first try."""
    lost: list[int] = []
    for parser in (_RESP3Parser, _AsyncRESP3Parser):
        _lose_one_lease(parser, lost, monkeypatch)
    began = time.monotonic()
    assert make().cached(OP, PARAMS, lambda: "made") == "made"
    assert lost, "no reply was lost"
    assert time.monotonic() - began < 5, "it waited for itself"


def _lose_one_lease(parser: Any, lost: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    original: Callable[..., Any] = parser.read_response

    def drop(reply: Any) -> Any:
        if not lost and isinstance(reply, list) and reply and reply[0] in ("LEASE", b"LEASE"):
            lost.append(1)
            raise redis.ConnectionError("the reply was lost")
        return reply

    async def reading_async(*arguments: Any, **settings: Any) -> Any:
        reply: Awaitable[Any] = original(*arguments, **settings)
        return drop(await reply)

    def reading(*arguments: Any, **settings: Any) -> Any:
        return drop(original(*arguments, **settings))

    monkeypatch.setattr(parser, "read_response", reading_async if "Async" in parser.__name__ else reading)


def test_cancelling_hands_the_lease_on(server: Server, client: redis.Redis) -> None:
    async def play() -> None:
        cache = AsyncResultCache(server.url, NS)
        started = asyncio.Event()

        async def hang() -> None:
            started.set()
            await asyncio.sleep(60)

        async def other() -> str:
            return "by another"

        first = asyncio.create_task(cache.cached(OP, PARAMS, hang))
        await started.wait()
        second = asyncio.create_task(cache.cached(OP, PARAMS, other))
        first.cancel()
        assert await asyncio.wait_for(second, 10) == "by another"
        await cache.aclose()

    asyncio.run(play())
    assert stat(client, "leases_released") == 1
