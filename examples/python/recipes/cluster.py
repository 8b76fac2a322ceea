"""A cluster: the cached function on it, rules on each of its primaries, and how namespaces are chosen and split.

All entries of a namespace live in the slot of its name, so in one shard, and every command names the namespace as its key.
Choose for a namespace what you would drop together and what fits one shard: a tenant, a project; never the whole service.

What redis-py 8 does with it: commands with a namespace are routed, and follow it when its slot moves. Names with two dots
are refused (say CACHE.INVALIDATE PLAN, not CACHE.INVALIDATE.PLAN). Commands without a key want `target_nodes` as a list of nodes;
the constants (`RedisCluster.PRIMARIES`) do nothing for commands that redis-py does not know.
"""

import zlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from . import cached, cached_async

BACKOFF = ExponentialBackoff(base=0.05, cap=0.5)
RETRIES = 5  # Until a replica is promoted, or a slot has moved.
CONNECTIONS = 1000  # With each node.


class ClusterCache(cached.ResultCache):
    """`cached`, where the URL is that of any node."""

    def _connect(self, url: str, timeout: float) -> redis.RedisCluster:
        return redis.RedisCluster.from_url(
            url,
            decode_responses=True,
            socket_connect_timeout=cached.COMMAND_S,
            socket_timeout=timeout,
            retry=Retry(BACKOFF, RETRIES),
            max_connections=CONNECTIONS,
        )


class AsyncClusterCache(cached_async.AsyncResultCache):
    """`cached_async`, where the URL is that of any node."""

    def _connect(self, url: str, timeout: float) -> redis.asyncio.RedisCluster:
        return redis.asyncio.RedisCluster.from_url(
            url,
            decode_responses=True,
            socket_connect_timeout=cached_async.COMMAND_S,
            socket_timeout=timeout,
            retry=AsyncRetry(BACKOFF, RETRIES),
            max_connections=CONNECTIONS,
        )

    async def cached(
        self, operation: str, params: Any, compute: Callable[[], Awaitable[Any]], *options: str | int
    ) -> Any:
        # Many first calls at a time would interrupt each other's connecting: redis-py 8.1 then raises AttributeError.
        for client in (self._quick, self._waiting):
            await client.initialize()
        return await super().cached(operation, params, compute, *options)


def set_policy(client: redis.RedisCluster, namespaces: str, operations: str, *fields: str) -> None:
    """Sets a rule on every primary. To be repeated when a shard joins: a new one has no rules."""
    command = ("CACHE.POLICY", "SET", namespaces, operations, *fields)
    client.execute_command(*command, target_nodes=client.get_primaries())


async def set_policy_async(client: redis.asyncio.RedisCluster, namespaces: str, operations: str, *fields: str) -> None:
    await client.initialize()  # Before it, no node is known.
    command = ("CACHE.POLICY", "SET", namespaces, operations, *fields)
    await client.execute_command(*command, target_nodes=client.get_primaries())


def total(client: redis.RedisCluster, name: str) -> int:
    """A count of CACHE.STATS, of all primaries together: each counts what it answers itself."""
    each: dict[str, dict[str, Any]] = client.execute_command("CACHE.STATS", target_nodes=client.get_primaries())
    return sum(int(figures[name]) for figures in each.values())


# A tenant that is too large for one shard is split by something smaller that every caller knows, and that results are
# seldom shared across. Where there is nothing of the kind, by the hash of an id:


def part_of(namespace: str, id: str, parts: int = 16) -> str:
    """The part of a split namespace that all results of `id` go to. A change of `parts` makes most of them misses."""
    return f"{namespace}/{zlib.crc32(id.encode()) % parts}"


def parts_of(namespace: str, parts: int = 16) -> Iterator[str]:
    return (f"{namespace}/{part}" for part in range(parts))


def invalidate_tag(client: redis.RedisCluster, namespace: str, tag: str, parts: int = 16) -> None:
    """The price of splitting: what concerns more than one id is a command for each part, and no longer one step."""
    for part in parts_of(namespace, parts):
        client.execute_command("CACHE.INVALIDATE", "TAG", part, tag)
