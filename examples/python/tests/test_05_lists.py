"""Recipe 5: `lists`."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

from recipes.cached import ResultCache
from recipes.lists import POLICIES, Videos, set_policies

from .server import Server

NS = "site:main"


class Memory:
    """A database, and who signs. Counts its reads."""

    def __init__(self) -> None:
        self.titles = {1: "one", 2: "two"}
        self.reads: Counter[str] = Counter()
        self.life_s = 900
        self.while_reading: Callable[[], object] = lambda: None

    def videos_of(self, user: str) -> list[dict[str, Any]]:
        self.reads["list"] += 1
        found = [{"id": id, "title": title} for id, title in self.titles.items()] if user == "ann" else []
        self.while_reading()
        return found

    def stats_of(self, video: int) -> dict[str, Any]:
        self.reads["stats"] += 1
        return {"views": self.reads["stats"]}

    def path_of(self, video: int) -> str:
        if video not in self.titles:
            raise KeyError(video)
        return f"/{video}.mp4"

    def rename(self, video: int, title: str) -> str:
        self.titles[video] = title
        return "ann"

    def delete(self, video: int) -> str:
        del self.titles[video]
        return "ann"

    def sign(self, path: str) -> tuple[str, int]:
        self.reads["sign"] += 1
        expires = int(time.time()) + self.life_s
        return f"https://cdn.example{path}?expires={expires}&n={self.reads['sign']}", expires


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def videos(server: Server, client: redis.Redis, memory: Memory) -> Iterator[Videos]:
    set_policies(client)
    cache = ResultCache(server.url, NS)
    yield Videos(cache, client, NS, memory, memory)
    cache.close()


def fresh_for_ms(client: redis.Redis, operation: str, params: str) -> int:
    return int(client.execute_command("CACHE.RESULT", "INFO", NS, operation, params)["fresh_for_ms"])


def test_the_table_is_in_force(videos: Videos, client: redis.Redis, memory: Memory) -> None:
    set_policies(client)
    assert len(client.execute_command("CACHE.POLICY", "LIST")) == len(POLICIES), "one rule each, however often they are set"
    for _ in range(3):
        videos.list("ann"), videos.stats(1), videos.url(1)
    assert memory.reads == {"list": 1, "stats": 1, "sign": 1}
    assert 59_000 < fresh_for_ms(client, "video:list", '{"user":"ann"}') <= 60_000
    assert 29_000 < fresh_for_ms(client, "video:stats", '{"id":1}') <= 30_000
    assert 838_000 < fresh_for_ms(client, "video:url", '{"id":1}') <= 840_000, "a minute before the signature ends"


def test_a_change_is_seen_at_once_and_leaves_others_alone(videos: Videos, memory: Memory) -> None:
    videos.list("ann"), videos.list("bob"), videos.stats(1), videos.stats(2)
    videos.rename(1, "uno")
    assert videos.list("ann")[0]["title"] == "uno"
    videos.delete(2)
    assert [video["id"] for video in videos.list("ann")] == [1]
    videos.list("bob"), videos.stats(1)
    assert memory.reads == {"list": 4, "stats": 2}
    videos.stats(2)
    assert memory.reads["stats"] == 3


def test_a_list_that_was_read_before_the_change_is_not_kept(videos: Videos, memory: Memory) -> None:
    def change_once() -> None:
        memory.while_reading = lambda: None
        videos.rename(1, "uno")

    memory.while_reading = change_once
    assert videos.list("ann")[0]["title"] == "one", "as it was when it was read"
    assert videos.list("ann")[0]["title"] == "uno"


def test_no_url_arrives_expired(videos: Videos, client: redis.Redis, memory: Memory) -> None:
    client.execute_command("CACHE.POLICY", "SET", "site:*", "video:url", "EXPIRESFROM", "/expires 1s")
    memory.life_s = 3
    left: list[float] = []

    def ask(_: int) -> None:
        ends = time.monotonic() + 5
        while time.monotonic() < ends:
            expires = int(videos.url(1).partition("expires=")[2].partition("&")[0])
            left.append(expires - time.time())
            time.sleep(0.002)

    with ThreadPoolExecutor(4) as callers:
        list(callers.map(ask, range(4)))
    assert min(left) > 0.9, "the margin"
    assert max(left) < 3
    assert 3 <= memory.reads["sign"] <= 6, "and yet they were used for as long as that"


def test_urls_too_short_to_keep_are_handed_out_all_the_same(videos: Videos, client: redis.Redis, memory: Memory) -> None:
    memory.life_s = 30
    with ThreadPoolExecutor(4) as callers:
        urls = list(callers.map(lambda _: videos.url(1), range(4)))
    assert all(int(url.partition("expires=")[2].partition("&")[0]) > time.time() for url in urls)
    assert client.execute_command("CACHE.RESULT", "EXISTS", NS, "video:url", '{"id":1}') == 0
