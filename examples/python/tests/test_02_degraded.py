"""Recipe 2: `degraded`. Whatever happens to the server, the caller gets the same answer, and nothing is computed twice."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from recipes import cached, cached_async
from recipes.cached import ResultCache
from recipes.cached_async import AsyncResultCache
from recipes.degraded import AsyncDegraded, Degraded

from .server import Server, eventually

NS, OP = "shop", "report"

Ask = Callable[[Any, Callable[[], Any]], Any]


@pytest.fixture
def own() -> Iterator[Server]:
    """A server that a test may stop."""
    with Server("--maxmemory-policy", "noeviction") as server:
        yield server


@pytest.fixture(params=["threads", "asyncio"])
def ask(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[Server], Ask]:
    """Asks a server's cache, with time-outs for people who do not want to wait for tests."""
    monkeypatch.setattr(cached, "COMMAND_S", 0.2)
    monkeypatch.setattr(cached_async, "COMMAND_S", 0.2)
    monkeypatch.setattr(cached, "BLOCK_S", 0.5)
    monkeypatch.setattr(cached_async, "BLOCK_S", 0.5)

    def of_threads(server: Server) -> Ask:
        cache = Degraded(ResultCache(server.url, NS), pause_s=0.3)
        return lambda params, compute: cache.cached(OP, params, compute)

    def of_asyncio(server: Server) -> Ask:
        def asked(params: Any, compute: Callable[[], Any]) -> Any:
            async def play() -> Any:
                inner = AsyncResultCache(server.url, NS)
                try:
                    return await AsyncDegraded(inner).cached(OP, params, lambda: asyncio.to_thread(compute))
                finally:
                    await inner.aclose()

            return asyncio.run(play())

        return asked

    return of_threads if request.param == "threads" else of_asyncio


class Counted:
    """A computation that counts how often it is done, and meanwhile does something to the server."""

    def __init__(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        self.times = 0
        self._meanwhile = meanwhile

    def __call__(self) -> str:
        self.times += 1
        self._meanwhile()
        return "made"


def check(ask: Ask, params: Any = 1, compute: Counted | None = None) -> None:
    compute = compute or Counted()
    began = time.monotonic()
    assert ask(params, compute) == "made"
    assert compute.times == 1
    assert time.monotonic() - began < 3, "the caller was held up"


def test_down(own: Server, ask: Callable[[Server], Ask]) -> None:
    asking = ask(own)
    own.stop()
    check(asking)
    own.start()
    eventually(lambda: in_use(own, asking), what="the cache coming back into use")


def in_use(server: Server, asking: Ask) -> bool:
    with server.client() as client:
        before = client.execute_command("CACHE.STATS")["hits"]
        asking(1, lambda: "made")
        return bool(client.execute_command("CACHE.STATS")["hits"] > before)


def test_killed_while_computing(own: Server, ask: Callable[[Server], Ask]) -> None:
    check(ask(own), compute=Counted(own.stop))


def test_paused_before_and_while_computing(own: Server, ask: Callable[[Server], Ask]) -> None:
    asking = ask(own)
    check(asking, 1, Counted(own.pause))
    check(asking, 2)
    own.resume()
    eventually(lambda: in_use(own, asking), what="the cache coming back into use")


def test_paused_while_waiting_for_another(own: Server, ask: Callable[[Server], Ask]) -> None:
    with own.client() as client:
        client.execute_command("CACHE.RESULT", "FETCH", NS, OP, "1", "LEASE", 600_000)
        answers: list[str] = []
        caller = threading.Thread(target=lambda: answers.append(ask(own)(1, Counted())))
        caller.start()
        eventually(lambda: client.execute_command("CACHE.STATS")["waiters"] == 1, what="a waiter")
        own.pause()
        caller.join(10)
        assert answers == ["made"]
        own.resume()


def test_module_not_loaded(ask: Callable[[Server], Ask]) -> None:
    with Server(module=False) as server:
        check(ask(server))


def test_memory_full(own: Server, ask: Callable[[Server], Ask]) -> None:
    asking = ask(own)
    check(asking, "kept")
    with own.client() as client:
        client.config_set("maxmemory", "1mb")
        check(asking, "not kept")
        check(asking, "not kept")
        kept = Counted()
        assert asking("kept", kept) == "made"
        assert kept.times == 0, "what is there is served when memory is full"
        assert client.execute_command("CACHE.STATS")["fills"] == 1


def test_replica(own: Server, ask: Callable[[Server], Ask]) -> None:
    check(ask(own), "kept")
    with Server("--replicaof", "127.0.0.1", str(own.port)) as replica, replica.client() as client:
        eventually(lambda: client.exists(NS) == 1, what="replication")
        kept = Counted()
        assert ask(replica)("kept", kept) == "made"
        assert kept.times == 0, "a replica serves what it has"
        check(ask(replica), "new")


def test_disabled(own: Server, ask: Callable[[Server], Ask]) -> None:
    asking = ask(own)
    with own.client() as client:
        client.config_set("cache.enabled", "no")
        check(asking)
        check(asking)
        client.config_set("cache.enabled", "yes")
        check(asking)
        assert client.execute_command("CACHE.STATS")["fills"] == 1


def test_not_allowed(own: Server, ask: Callable[[Server], Ask]) -> None:
    with own.client() as client:
        client.execute_command("ACL", "SETUSER", "default", "-cache.result|fetch")
        check(ask(own))


def test_what_cannot_be_cached_is_no_trouble_of_the_server(own: Server, ask: Callable[[Server], Ask]) -> None:
    asking = ask(own)
    check(asking, "\ud800")
    assert in_use(own, asking) or in_use(own, asking)


def test_errors_of_the_computation_are_the_callers(own: Server, ask: Callable[[Server], Ask]) -> None:
    def fail() -> None:
        raise redis.ConnectionError("of another Redis")

    asking, failing = ask(own), Counted(fail)
    with pytest.raises(redis.ConnectionError, match="of another Redis"):
        asking(1, failing)
    assert failing.times == 1
    check(asking, 2)
    with own.client() as client:
        assert client.execute_command("CACHE.STATS")["fills"] == 1, "it was taken for trouble of the cache"


def test_trouble_holds_up_one_caller_and_not_each(own: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached, "COMMAND_S", 0.2)
    cache = Degraded(ResultCache(own.url, NS), pause_s=60)
    own.pause()
    cache.cached(OP, 1, Counted())
    began = time.monotonic()
    for params in range(100):
        cache.cached(OP, params, Counted())
    assert time.monotonic() - began < 0.1
    own.resume()
