"""Recipe 11: `cluster`, on three real nodes."""

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
import redis.asyncio

from recipes.cluster import (
    AsyncClusterCache,
    ClusterCache,
    invalidate_tag,
    part_of,
    parts_of,
    set_policy,
    set_policy_async,
    total,
)

from .cluster import Cluster
from .server import eventually


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster() as cluster:
        yield cluster


@pytest.fixture
def client(cluster: Cluster) -> Iterator[redis.RedisCluster]:
    with redis.RedisCluster.from_url(cluster.url, decode_responses=True) as client:
        client.flushall(target_nodes=client.get_primaries())
        client.execute_command("CACHE.RESETSTATS", target_nodes=client.get_primaries())
        yield client


def never() -> str:
    raise AssertionError("computed although it was there")


NAMESPACES = [f"tenant:{number}" for number in range(12)]


def test_cached_finds_the_node_of_each_namespace(cluster: Cluster, client: redis.RedisCluster) -> None:
    for namespace in NAMESPACES:
        cache = ClusterCache(cluster.url, namespace)
        assert cache.cached("report", 1, lambda: "made") == "made"
        assert cache.cached("report", 1, never) == "made"
        cache.close()
    assert {port_of(client, namespace) for namespace in NAMESPACES} == {node.port for node in cluster.nodes}
    assert total(client, "fills") == total(client, "hits") == len(NAMESPACES)


def port_of(client: redis.RedisCluster, namespace: str) -> int:
    node = client.get_node_from_key(namespace)
    assert node is not None
    return int(node.port)


def test_the_same_with_asyncio(cluster: Cluster, client: redis.RedisCluster) -> None:
    async def play() -> None:
        async def compute() -> str:
            await asyncio.sleep(0.05)
            computed.append(1)
            return "made"

        for namespace in NAMESPACES:
            computed = list[int]()
            cache = AsyncClusterCache(cluster.url, namespace)
            answers = await asyncio.gather(*(cache.cached("report", 1, compute) for _ in range(10)))
            assert answers == ["made"] * 10 and len(computed) == 1
            await cache.aclose()

    asyncio.run(play())
    assert total(client, "coalesced") == 9 * len(NAMESPACES)


def test_policies_are_on_every_primary(cluster: Cluster, client: redis.RedisCluster) -> None:
    set_policy(client, "tenant:*", "*", "TTL", "5m")

    async def play() -> None:
        async with redis.asyncio.RedisCluster.from_url(cluster.url) as client:
            await set_policy_async(client, "tenant:*", "*", "GRACE", "1m")

    asyncio.run(play())
    for node in cluster.nodes:
        with node.client() as one:
            assert one.execute_command("CACHE.POLICY", "GET", "tenant:*", "*") == {"TTL": "5m", "GRACE": "1m"}


def test_what_redis_py_makes_of_names(client: redis.RedisCluster) -> None:
    plan = json.dumps([{"operation": "report", "params": 1}])
    client.execute_command("CACHE.RESULT", "SET", "a", "report", "1", "x")
    assert client.execute_command("CACHE.PLAN", "a", plan)[0][0] == "HIT"
    assert client.execute_command("CACHE.INVALIDATE", "PLAN", "a", plan) == 1
    with pytest.raises(ValueError, match="Wrong command"):
        client.execute_command("CACHE.INVALIDATE.PLAN", "a", plan)
    with pytest.raises(redis.exceptions.RedisClusterException, match="Missing key"):
        client.execute_command("CACHE.STATS", target_nodes=redis.RedisCluster.PRIMARIES)


def test_waiting_goes_on_while_the_slot_moves(cluster: Cluster, client: redis.RedisCluster) -> None:
    namespace = "moving"
    kept = ClusterCache(cluster.url, namespace)
    kept.cached("report", "kept", lambda: "before")
    may_end, begun = threading.Event(), threading.Event()

    def compute() -> str:
        begun.set()
        assert may_end.wait(20)
        return "made"

    with ThreadPoolExecutor(2) as callers:
        first = callers.submit(kept.cached, "report", "new", compute)
        assert begun.wait(10)
        second = callers.submit(ClusterCache(cluster.url, namespace).cached, "report", "new", lambda: "made")
        eventually(lambda: total(client, "waiters") == 1, what="a waiter")
        move(cluster, client, namespace)
        may_end.set()
        assert first.result(20) == second.result(20) == "made"
    assert kept.cached("report", "kept", never) == "before"
    assert kept.cached("report", "new", never) == "made"
    kept.close()


def move(cluster: Cluster, client: redis.RedisCluster, namespace: str) -> None:
    """Moves the slot of a namespace to another node, as resharding does."""
    slot = client.keyslot(namespace)
    source, target = (
        next(node.client() for node in cluster.nodes if (node.port == port_of(client, namespace)) is wanted)
        for wanted in (True, False)
    )
    source_id, target_id = (one.execute_command("CLUSTER MYID") for one in (source, target))
    port = target.connection_pool.connection_kwargs["port"]
    target.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", source_id)
    source.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", target_id)
    while keys := source.execute_command("CLUSTER GETKEYSINSLOT", slot, 100):
        source.execute_command("MIGRATE", "127.0.0.1", port, "", 0, 5000, "REPLACE", "KEYS", *keys)
    for node in cluster.nodes:
        with node.client() as one:
            one.execute_command("CLUSTER SETSLOT", slot, "NODE", target_id)
    source.close()
    target.close()


def test_a_split_namespace_is_spread_and_invalidated_everywhere(client: redis.RedisCluster) -> None:
    ids = [f"video-{number}" for number in range(200)]
    assert set(parts_of("acme")) == {part_of("acme", id) for id in ids}
    assert len({port_of(client, part) for part in parts_of("acme")}) == 3
    for id in ids:
        client.execute_command("CACHE.RESULT", "SET", part_of("acme", id), "report", json.dumps(id), "x", "TAGS", 1, "tax")
    invalidate_tag(client, "acme", "tax")
    assert not any(client.execute_command("CACHE.RESULT", "EXISTS", part_of("acme", id), "report", json.dumps(id)) for id in ids)
