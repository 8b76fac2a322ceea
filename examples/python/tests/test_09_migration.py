"""Recipe 9: `migration`."""

import json

import pytest
import redis

from recipes.migration import Migrating, old_key

NS, OP, PARAMS = "shop", "report", {"b": 1, "a": [2.5]}


@pytest.fixture
def cache(client: redis.Redis) -> Migrating:
    return Migrating(client, NS)


def info(client: redis.Redis, name: str) -> int:
    return int(client.execute_command("CACHE.RESULT", "INFO", NS, OP, json.dumps(PARAMS))[name])


def test_what_was_kept_by_hand_is_found_and_keeps_its_time(cache: Migrating, client: redis.Redis) -> None:
    client.set(old_key(OP, PARAMS), '{"sum":7}', px=50_000)
    assert cache.left() == 1
    assert cache.get(OP, PARAMS) == {"sum": 7}
    assert 45_000 < info(client, "fresh_for_ms") <= 50_000
    assert client.exists(old_key(OP, PARAMS)) == 0
    assert cache.get(OP, PARAMS) == {"sum": 7}
    assert cache.left() == 0, "entries of the module are not counted"


def test_what_had_no_end_has_none(cache: Migrating, client: redis.Redis) -> None:
    client.set(old_key(OP, PARAMS), "7")
    assert cache.get(OP, PARAMS) == 7
    assert client.ttl(client.execute_command("CACHE.RESULT", "KEY", NS, OP, json.dumps(PARAMS))) == -1


def test_nothing_anywhere(cache: Migrating, client: redis.Redis) -> None:
    assert cache.get(OP, PARAMS) is None
    assert client.execute_command("CACHE.RESULT", "EXISTS", NS, OP, json.dumps(PARAMS)) == 0


def test_the_new_one_wins(cache: Migrating, client: redis.Redis) -> None:
    client.set(old_key(OP, PARAMS), '"old"')
    cache.set(OP, PARAMS, "new", "EX", 60)
    assert cache.get(OP, PARAMS) == "new"
    assert client.exists(old_key(OP, PARAMS)) == 0
    assert 59_000 < info(client, "fresh_for_ms") <= 60_000


def test_invalidation_takes_both(cache: Migrating, client: redis.Redis) -> None:
    cache.set(OP, PARAMS, "new")
    client.set(old_key(OP, PARAMS), '"old"')
    cache.invalidate(OP, PARAMS)
    assert cache.get(OP, PARAMS) is None


def test_what_is_invalidated_while_it_is_moved_does_not_come_back(
    cache: Migrating, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.set(old_key(OP, PARAMS), '"old"')
    pipeline = client.pipeline

    def invalidated_meanwhile(transaction: bool) -> object:
        monkeypatch.undo()
        filled = pipeline(transaction=transaction)
        execute = filled.execute

        def then_invalidate() -> object:
            read = execute()
            Migrating(client, NS).invalidate(OP, PARAMS)
            return read

        monkeypatch.setattr(filled, "execute", then_invalidate)
        return filled

    monkeypatch.setattr(client, "pipeline", invalidated_meanwhile)
    assert cache.get(OP, PARAMS) == "old", "as it was when it was read"
    assert cache.get(OP, PARAMS) is None


def test_full_memory_loses_nothing(cache: Migrating, client: redis.Redis) -> None:
    client.set(old_key(OP, PARAMS), '"old"')
    client.execute_command("CACHE.CLOCK", NS)
    original = client.execute_command

    def full(*command: object, **options: object) -> object:
        if command[1] == "SET":
            raise redis.exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'")
        return original(*command, **options)

    client.execute_command = full  # type: ignore[method-assign]
    assert cache.get(OP, PARAMS) == "old"
    assert client.exists(old_key(OP, PARAMS)) == 1
