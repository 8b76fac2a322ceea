"""Recipe 10: `stats`."""

from datetime import UTC, datetime, timedelta

import pytest
import redis
from fastapi.testclient import TestClient

from recipes.stats import create_app

from .server import Server

NS = "shop"


@pytest.mark.parametrize("protocol", [2, 3])
def test_the_shape(server: Server, client: redis.Redis, protocol: int) -> None:
    http = TestClient(create_app(redis.Redis.from_url(server.url, decode_responses=True, protocol=protocol)))
    empty = http.get("/cache/stats").json()
    assert (empty["hits"], empty["misses"], empty["hitRate"], empty["health"]) == (0, 0, None, "idle")

    client.execute_command("CACHE.RESULT", "GET", NS, "report", "1")
    client.execute_command("CACHE.RESULT", "SET", NS, "report", "1", "x", "TOOK", 200)
    for _ in range(3):
        client.execute_command("CACHE.RESULT", "GET", NS, "report", "1")
    shown = http.get(f"/cache/stats/{NS}").json()
    assert (shown["hits"], shown["misses"], shown["hitRate"], shown["size"]) == (3, 1, 0.75, 1)
    assert shown["savedMs"] == 600
    assert abs(shown["computeMs"]["p50"] - 200) <= 8, "to within 4 %"
    assert shown["bytes"] > 0
    assert datetime.now(UTC) - datetime.fromisoformat(shown["since"]) < timedelta(minutes=1)
    report = shown.pop("operations")["report"]
    assert report["hits"] == 3 and report.keys() == shown.keys() == http.get("/cache/stats").json().keys()


def test_stale_and_awaited_results_are_hits(client: redis.Redis) -> None:
    client.execute_command("CACHE.RESULT", "SET", NS, "report", "1", "x", "GRACE", 60_000)
    client.execute_command("CACHE.RESULT", "INVALIDATE", NS, "report", "1", "SOFT")
    client.execute_command("CACHE.RESULT", "FETCH", NS, "report", "1")
    shown = TestClient(create_app(client)).get(f"/cache/stats/{NS}").json()
    assert (shown["hits"], shown["misses"], shown["hitRate"]) == (1, 0, 1.0)


def test_what_cannot_be_shown(client: redis.Redis) -> None:
    assert TestClient(create_app(client)).get("/cache/stats/no name").status_code == 400
    with Server(module=False) as other, other.client() as bare:
        assert TestClient(create_app(bare)).get("/cache/stats").status_code == 503
        other.stop()
        assert TestClient(create_app(bare)).get("/cache/stats").status_code == 503
