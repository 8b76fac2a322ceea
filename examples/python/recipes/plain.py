"""Without the module, where the Redis is a managed one: the interface of `cached` over GET and SET, under the same keys.

Use it while you cannot load modules. It finds results again in every spelling of their params, as the module does; there is no
single flight, no refreshing, no tags, and every program brings its TTLs. The day the module is there, change the constructor.
The keys are the module's, its entries are not strings, though: begin with an empty database.

    cache = PlainCache("redis://localhost", "shop", ttl_s=600)
"""

import hashlib
import json
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Any

import redis
import redis.asyncio
import redis.asyncio.retry
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

log = logging.getLogger(__name__)

TIMEOUT_S = 1.0
BACKOFF = ExponentialBackoff(base=0.02, cap=0.2)
RETRIED = (redis.ConnectionError, redis.TimeoutError)


def canonical(value: Any) -> str:
    """The one spelling of JSON that equal values share: RFC 8785, but integers of any size keep all their digits.

    Raises ValueError for what is not JSON: NaN, infinities, lone surrogates, names of members that are no strings.
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        value.encode()  # Lone surrogates are UnicodeEncodeError, a ValueError.
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, dict):
        if not all(isinstance(name, str) for name in value):
            raise ValueError("the names of members must be strings")
        # Sorted by UTF-16 code units, as JavaScript does.
        members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(name)}:{canonical(member)}" for name, member in members) + "}"
    raise ValueError(f"{type(value).__name__} is not JSON")


def _number(value: float) -> str:
    """As ECMAScript spells it: the digits are those of `repr`, where the point stands is not."""
    if not math.isfinite(value):
        raise ValueError(f"{value} is not JSON")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = float.__repr__(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # The value is 0.digits times ten to the power of `point`.
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    if len(digits) <= point <= 21:
        return sign + digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    rest = "." + digits[1:] if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{rest}e{point - 1:+d}"


def entry_key(namespace: str, operation: str, params: Any) -> str:
    """What CACHE.RESULT KEY answers."""
    text = canonical({"operation": operation, "params": params})
    # A namespace with a {hash tag} of its own brings that; of others the whole name is made one.
    opened = namespace.find("{")
    tagged = opened >= 0 and namespace.find("}", opened) > opened + 1
    slot = namespace if tagged else "{" + namespace + "}"
    return f"result:{slot}:{operation}:{hashlib.sha256(text.encode()).hexdigest()}"


class PlainCache:
    def __init__(self, url: str, namespace: str, *, ttl_s: float) -> None:
        self._namespace = namespace
        self._ttl_ms = round(ttl_s * 1000)
        self._redis = redis.Redis.from_url(
            url,
            decode_responses=True,
            socket_connect_timeout=TIMEOUT_S,
            socket_timeout=TIMEOUT_S,
            retry=Retry(BACKOFF, 2, RETRIED),
        )

    def cached(self, operation: str, params: Any, compute: Callable[[], Any]) -> Any:
        key = entry_key(self._namespace, operation, params)
        found = self._redis.get(key)
        if found is not None:
            return json.loads(found)
        result = json.dumps(compute(), allow_nan=False)
        try:
            self._redis.set(key, result, px=self._ttl_ms)
        except redis.RedisError as error:
            log.warning("the result was not stored: %s", error)
        return json.loads(result)

    def invalidate(self, operation: str, params: Any) -> bool:
        """Whoever computes it at this moment will store what it makes all the same: what the module's leases prevent."""
        return self._redis.unlink(entry_key(self._namespace, operation, params)) == 1

    def close(self) -> None:
        self._redis.close()


class AsyncPlainCache:
    def __init__(self, url: str, namespace: str, *, ttl_s: float) -> None:
        self._namespace = namespace
        self._ttl_ms = round(ttl_s * 1000)
        self._redis = redis.asyncio.Redis.from_url(
            url,
            decode_responses=True,
            socket_connect_timeout=TIMEOUT_S,
            socket_timeout=TIMEOUT_S,
            retry=redis.asyncio.retry.Retry(BACKOFF, 2, RETRIED),
        )

    async def cached(self, operation: str, params: Any, compute: Callable[[], Awaitable[Any]]) -> Any:
        key = entry_key(self._namespace, operation, params)
        found = await self._redis.get(key)
        if found is not None:
            return json.loads(found)
        result = json.dumps(await compute(), allow_nan=False)
        try:
            await self._redis.set(key, result, px=self._ttl_ms)
        except redis.RedisError as error:
            log.warning("the result was not stored: %s", error)
        return json.loads(result)

    async def invalidate(self, operation: str, params: Any) -> bool:
        return await self._redis.unlink(entry_key(self._namespace, operation, params)) == 1

    async def aclose(self) -> None:
        await self._redis.aclose()
