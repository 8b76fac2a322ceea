"""Recipe 3: `plain`. Its keys are the module's."""

import asyncio
import json
import math
import random
import struct
from typing import Any

import pytest
import redis

from recipes.plain import AsyncPlainCache, PlainCache, canonical, entry_key

from .server import Server

# RFC 8785, appendix B.
SPELLINGS = {
    0x0000000000000000: "0",
    0x8000000000000000: "0",
    0x0000000000000001: "5e-324",
    0x8000000000000001: "-5e-324",
    0x7FEFFFFFFFFFFFFF: "1.7976931348623157e+308",
    0x4340000000000000: "9007199254740992",
    0x4430000000000000: "295147905179352830000",
    0x44B52D02C7E14AF5: "9.999999999999997e+22",
    0x44B52D02C7E14AF6: "1e+23",
    0x44B52D02C7E14AF7: "1.0000000000000001e+23",
    0x444B1AE4D6E2EF4E: "999999999999999700000",
    0x444B1AE4D6E2EF4F: "999999999999999900000",
    0x444B1AE4D6E2EF50: "1e+21",
    0x3EB0C6F7A0B5ED8C: "9.999999999999997e-7",
    0x3EB0C6F7A0B5ED8D: "0.000001",
    0x41B3DE4355555553: "333333333.3333332",
    0x41B3DE4355555557: "333333333.33333343",
    0xBECBF647612F3696: "-0.0000033333333333333333",
    0x43143FF3C1CB0959: "1424953923781206.2",
}


@pytest.mark.parametrize(("bits", "spelling"), SPELLINGS.items())
def test_numbers_are_spelled_as_the_rfc_shows(bits: int, spelling: str) -> None:
    assert canonical(struct.unpack(">d", bits.to_bytes(8))[0]) == spelling


def some_json(draw: random.Random, depth: int = 0) -> Any:
    kind = draw.randrange(10 if depth < 4 else 7)
    if kind < 2:
        return struct.unpack(">d", draw.randbytes(8))[0]
    if kind == 2:
        return draw.randrange(-(2**80), 2**80)
    if kind == 3:
        return draw.choice([None, True, False, 0, -1, 2**53, -(2**53) - 1, 1e16, 1e21, 1e-7, 0.1, -0.0, 123456789.5])
    if kind < 7:
        return some_text(draw)
    if kind == 7:
        return [some_json(draw, depth + 1) for _ in range(draw.randrange(5))]
    return {some_text(draw): some_json(draw, depth + 1) for _ in range(draw.randrange(6))}


def some_text(draw: random.Random) -> str:
    alphabet = ["a", "B", "0", "\x00", "\x1f", "\x7f", '"', "\\", "/", "\n", "\b", "é", "e\u0301", "\ue000", "\u2028", "\U0001f600", "עב"]
    return "".join(draw.choice(alphabet) for _ in range(draw.randrange(6)))


def is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
        return True
    except ValueError:
        return False


def test_keys_are_the_modules(client: redis.Redis) -> None:
    draw = random.Random(8785)
    names = ["shop", "{p:7}.shop", "a{b}c", "v1:x/y@z+-_."]
    asked = [(draw.choice(names), draw.choice(["report", "build@v2"]), some_json(draw)) for _ in range(5000)]
    asked = [(namespace, operation, params) for namespace, operation, params in asked if is_json(params)]
    assert len(asked) > 4000
    pipeline = client.pipeline(transaction=False)
    for namespace, operation, params in asked:
        pipeline.execute_command("CACHE.RESULT", "KEY", namespace, operation, json.dumps(params))
    for (namespace, operation, params), key in zip(asked, pipeline.execute(), strict=True):
        assert entry_key(namespace, operation, params) == key, (namespace, operation, params)


@pytest.mark.parametrize("value", [math.nan, math.inf, "\ud800", {1: 2}, {"a": {"\udfff": 1}}, object()])
def test_refuses_what_is_not_json(value: Any) -> None:
    with pytest.raises(ValueError):
        canonical(value)


def test_computes_once_in_every_spelling(server: Server, client: redis.Redis) -> None:
    cache = PlainCache(server.url, "shop", ttl_s=60)
    computed: list[int] = []

    def compute() -> dict[str, int]:
        computed.append(1)
        return {"sum": 7}

    assert cache.cached("report", {"a": 1, "b": 2.5}, compute) == {"sum": 7}
    assert cache.cached("report", {"b": 2.50, "a": 1.0}, compute) == {"sum": 7}
    assert len(computed) == 1
    assert 0 < client.pttl(entry_key("shop", "report", {"a": 1, "b": 2.5})) <= 60_000
    assert cache.invalidate("report", {"a": 1, "b": 2.5})
    cache.cached("report", {"a": 1, "b": 2.5}, compute)
    assert len(computed) == 2
    cache.close()


def test_both_find_what_the_other_stored(server: Server) -> None:
    async def play() -> None:
        cache = AsyncPlainCache(server.url, "shop", ttl_s=60)

        async def compute() -> str:
            return "made"

        assert await cache.cached("report", [1, 2**60], compute) == "made"
        await cache.aclose()

    asyncio.run(play())
    cache = PlainCache(server.url, "shop", ttl_s=60)
    assert cache.cached("report", [1.0, 2**60], lambda: "made anew") == "made"
    assert cache.cached("report", [1.0, 2**60 + 1], lambda: "another") == "another"
    cache.close()
