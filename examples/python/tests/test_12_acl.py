"""Recipe 12: `acl`, and the sheet for incidents, line by line."""

import json
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from recipes.acl import set_application, set_janitor, set_operations
from recipes.cached import ResultCache
from recipes.encoder import Beat, Files, Janitor, connect

from .server import Server

SHEET = Path(__file__).parents[3] / "docs" / "incidents.md"
PLAN = '[{"operation":"op","params":1}]'

User = Callable[[str], redis.Redis]


@pytest.fixture
def guarded() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def user(guarded: Server) -> User:
    with guarded.client() as client:
        client.execute_command("CACHE.POLICY", "SET", "*", "*", "REMOVALS", "100")
        client.execute_command("CACHE.RESULT", "SET", "shop:1", "op", "1", "x", "WEIGHT", 1)
        client.execute_command("CACHE.RESULT", "SET", "bank", "op", "1", "secret")
        set_application(client, "application", "a", "shop:*")
        set_operations(client, "operations", "o")
        set_janitor(client, "janitor", "j", "shop:1")
        client.execute_command("ACL SETUSER", "default", "off")
    return lambda name: redis.Redis(port=guarded.port, username=name, password=name[0], decode_responses=True)


def line(text: str) -> list[str]:
    return [PLAN if word == "PLAN_JSON" else word for word in text.split()]


ENTRY = "result:{shop:1}:op:6b86b273"

ALLOWED = {
    "application": """
        CACHE.RESULT GET shop:1 op 1
        CACHE.RESULT FETCH shop:1 op 2
        CACHE.RESULT SET shop:1 op 3 x TAGS 1 t
        CACHE.RESULT MERGE shop:1 op 4 {} UPSERT
        CACHE.RESULT NEXT shop:1 AFTER op 1 0
        CACHE.RESULT EXISTS shop:1 op 1
        CACHE.RESULT KEY shop:1 op 1
        CACHE.RESULT INVALIDATE shop:1 op 1
        CACHE.INVALIDATE TAG shop:1 t
        CACHE.INVALIDATE PLAN shop:1 PLAN_JSON
        CACHE.PLAN shop:1 PLAN_JSON
        CACHE.WARM shop:1 ENTRIES op 1 x
        CACHE.CLOCK shop:1""",
    "operations": """
        CACHE.STATS
        CACHE.STATS bank
        CACHE.RESETSTATS
        CACHE.POLICY SET bank op BYPASS yes
        CACHE.POLICY DEL bank op
        CACHE.POLICY LIST
        CACHE.POLICY EXPLAIN bank op
        CACHE.RESULT INFO bank op 1
        CACHE.RESULT INVALIDATE bank op 1
        CACHE.INVALIDATE OPERATION bank op
        CACHE.INVALIDATE NAMESPACE shop:1
        CONFIG GET cache.*
        INFO cache""",
    "janitor": """
        XGROUP CREATE result:{shop:1}:removals janitors 0 MKSTREAM
        XREADGROUP GROUP janitors one STREAMS result:{shop:1}:removals >
        XACK result:{shop:1}:removals janitors 1-1
        CACHE.RESULT NEXT shop:1 AFTER op 1 0""",
}

FORBIDDEN = {
    "application": f"""
        CACHE.RESULT GET bank op 1
        CACHE.RESULT SET bank op 1 x
        CACHE.INVALIDATE NAMESPACE shop:1
        CACHE.INVALIDATE OPERATION shop:1 op
        CACHE.POLICY SET * * TTL 1s
        CACHE.RESETSTATS
        CACHE.APPLY shop:1 forget 1 2
        CONFIG SET cache.enabled no
        GET {ENTRY}
        DEL {ENTRY}
        RESTORE {ENTRY} 0 x
        DEL shop:1
        FLUSHALL""",
    "operations": """
        CACHE.RESULT SET bank op 1 x
        CACHE.RESULT FETCH bank op 1
        CACHE.WARM bank ENTRIES op 1 x
        CACHE.APPLY bank forget 1 2
        CONFIG SET cache.enabled no
        DEL bank
        FLUSHALL""",
    "janitor": """
        CACHE.RESULT GET shop:1 op 1
        CACHE.RESULT INVALIDATE shop:1 op 1
        CACHE.RESULT NEXT bank AFTER op 1 0
        XREADGROUP GROUP janitors one STREAMS result:{bank}:removals >
        XADD result:{shop:1}:removals * a b
        DEL result:{shop:1}:removals""",
}


def lines(of: dict[str, str]) -> list[tuple[str, str]]:
    return [(name, text.strip()) for name, texts in of.items() for text in texts.strip().splitlines()]


def test_each_may_do_its_work(user: User) -> None:
    for name, text in lines(ALLOWED):
        with user(name) as client:
            client.execute_command(*line(text))


def test_each_may_do_nothing_else(user: User) -> None:
    for name, text in lines(FORBIDDEN):
        with user(name) as client, pytest.raises(redis.exceptions.NoPermissionError):
            client.execute_command(*line(text))
            raise AssertionError(f"{name} may {text}")


def test_recipes_run_as_these_users(guarded: Server, user: User, tmp_path: Path) -> None:
    cache = ResultCache(f"redis://application:a@127.0.0.1:{guarded.port}", "shop:1")
    assert cache.cached("report", 1, lambda: "made") == "made"
    cache.close()
    application = connect(f"redis://application:a@127.0.0.1:{guarded.port}")

    def write(path: Path, beat: Beat) -> None:
        beat()
        path.write_bytes(b"abc")

    path = Files(application, "shop:1", tmp_path).rendition("u", 360, 3, write)
    janitor = Janitor(connect(f"redis://janitor:j@127.0.0.1:{guarded.port}"), "shop:1", tmp_path, "one")
    params = json.dumps({"url": "u", "height": 360})
    user("operations").execute_command("CACHE.RESULT", "INVALIDATE", "shop:1", "rendition", params)
    assert janitor.clean() == 1 and not path.exists()


# The sheet for incidents.

COMMAND = re.compile(r"redis-cli |(CACHE|CONFIG|CLIENT|INFO|SLOWLOG|PSUBSCRIBE|MONITOR|DEL)\b")
ENDLESS = ("PSUBSCRIBE", "MONITOR", "--latency")
FORMS = {"CACHE.INVALIDATE PLAN", "CACHE.STATS"}  # Names of commands, not lines to type.


def rows() -> list[tuple[str, list[str]]]:
    table = [row.strip("| ").split(" | ") for row in SHEET.read_text().splitlines() if row.startswith("| ")]
    return [(row[0], [span for cell in row[1:] for span in re.findall(r"`([^`]+)`", cell)]) for row in table[2:]]


def test_the_sheet_is_read() -> None:
    assert len(rows()) >= 15
    assert sum(bool(COMMAND.match(span)) for _, spans in rows() for span in spans) >= 25


@pytest.mark.parametrize(("question", "spans"), rows(), ids=lambda value: value if isinstance(value, str) else "")
def test_the_sheet_for_incidents(server: Server, client: redis.Redis, question: str, spans: list[str]) -> None:
    client.execute_command("CACHE.RESULT", "SET", "demo", "generateVideo", '{"scene":7}', "x")
    try:
        for span in spans:
            if COMMAND.match(span) and span not in FORMS:
                type_in(server, client, span)
            elif "_" in span and not span.startswith("_") and re.fullmatch("[a-z_0-9]+", span):
                assert span in known(client), f"{span} is no figure"
    finally:
        client.config_set("cache.enabled", "yes")
        client.config_set("notify-keyspace-events", "")


def type_in(server: Server, client: redis.Redis, span: str) -> None:
    words = shlex.split(span.removeprefix("redis-cli ").replace("UNBLOCK id", f"UNBLOCK {client.client_id()}"))
    command = ["redis-cli", "-p", str(server.port), "-e", *words]
    if any(word in span for word in ENDLESS):
        with pytest.raises(subprocess.TimeoutExpired):
            subprocess.run(command, capture_output=True, timeout=0.5)
        return
    done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    assert done.returncode == 0 and done.stdout, f"{span}: {done.stdout}{done.stderr}"


def known(client: redis.Redis) -> dict[str, Any]:
    of_server: dict[str, Any] = client.execute_command("CACHE.STATS")
    of_entry: dict[str, Any] = client.execute_command("CACHE.RESULT", "INFO", "demo", "generateVideo", '{"scene":7}')
    return of_server | of_entry
