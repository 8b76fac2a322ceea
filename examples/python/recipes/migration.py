"""Moving from a cache made by hand, with keys `result:operation:sha256`, without emptying it and without a stop.

Results that are only under their old key are moved when they are asked for, with the time that they have left. In this order:

1. Deploy `invalidate` of this to all programs: it takes back both. Whoever still deleted the old key alone would leave the new.
2. Deploy `get` and `set`. From here on nothing is written under old keys.
3. When `left` says 0, or after the longest TTL, use the module alone, and forget this file.

There is no way to move all at once: a hash does not tell the params that the module wants to know.
"""

import hashlib
import json
from typing import Any

import redis


def old_key(operation: str, params: Any) -> str:
    """As your programs have made it until now. This is how it is mostly done."""
    text = json.dumps(params, sort_keys=True, separators=(",", ":"))
    return f"result:{operation}:{hashlib.sha256(text.encode()).hexdigest()}"


class Migrating:
    """`client` decodes responses, and reaches both caches."""

    def __init__(self, client: redis.Redis, namespace: str) -> None:
        self._redis = client
        self._namespace = namespace

    def get(self, operation: str, params: Any) -> Any:
        name = (self._namespace, operation, json.dumps(params))
        value = self._redis.execute_command("CACHE.RESULT", "GET", *name)
        if value is None:
            value = self._move(name, old_key(operation, params))
        return None if value is None else json.loads(value)

    def _move(self, name: tuple[str, str, str], key: str) -> str | None:
        stamp = self._redis.execute_command("CACHE.CLOCK", self._namespace)
        # In one step: between the two it could expire, and would then never.
        with self._redis.pipeline(transaction=True) as both:
            both.get(key)
            both.pttl(key)
            value, left_ms = both.execute()
        if value is None:
            return None
        # NX: what somebody computed meanwhile is newer. SINCE: if it was invalidated meanwhile, it is not brought back.
        life = ("PERSIST",) if left_ms == -1 else ("PX", max(left_ms, 1))
        try:
            self._redis.execute_command("CACHE.RESULT", "SET", *name, value, *life, "NX", "SINCE", stamp)
        except redis.exceptions.OutOfMemoryError:
            return str(value)
        # The old key goes only after the new is there. If this is not reached, it expires as it would have.
        self._redis.unlink(key)
        return str(value)

    def set(self, operation: str, params: Any, result: Any, *options: str | int) -> None:
        """`options` are those of SET. Without them the rules say how long it is kept."""
        command = ("CACHE.RESULT", "SET", self._namespace, operation, json.dumps(params), json.dumps(result))
        self._redis.execute_command(*command, *options)
        self._redis.unlink(old_key(operation, params))

    def invalidate(self, operation: str, params: Any) -> None:
        # The old one first. The other way round it might be moved between the two, and stay.
        self._redis.unlink(old_key(operation, params))
        self._redis.execute_command("CACHE.RESULT", "INVALIDATE", self._namespace, operation, json.dumps(params))

    def left(self) -> int:
        """How many old keys there are. It goes through the whole database, so not at each look."""
        return sum(1 for _ in self._redis.scan_iter("result:*", count=1000, _type="string"))
