"""Recipe 7: `progress`, over HTTP, with a database whose reads are counted."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx2 as httpx
import pytest
import redis
import uvicorn

from recipes import progress
from recipes.progress import Name, create_app

from .server import Server, free_port

NS = "videos-of:ann"
PARAMS = json.dumps({"video": 7})
VIEWERS = 50

T = TypeVar("T")


class Database:
    """As services have it that poll: jobs, and how far they are."""

    def __init__(self) -> None:
        self._rows = sqlite3.connect(":memory:", check_same_thread=False)
        self._rows.execute("CREATE TABLE jobs (id TEXT PRIMARY KEY, operation TEXT, params TEXT, percent INTEGER)")
        self._rows.execute("INSERT INTO jobs VALUES ('7', 'encode', ?, 0)", [PARAMS])
        self.reads = 0

    def read(self, id: str) -> tuple[str, str, int] | None:
        self.reads += 1
        row: tuple[str, str, int] | None = self._rows.execute(
            "SELECT operation, params, percent FROM jobs WHERE id = ?", [id]
        ).fetchone()
        return row

    def write(self, percent: int) -> None:
        self._rows.execute("UPDATE jobs SET percent = ?", [percent])

    async def find_job(self, id: str) -> Name | None:
        row = self.read(id)
        return row and (row[0], row[1])


@asynccontextmanager
async def serving(server: Server, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """The API on a port of its own, beside a way to poll the database as it was done before."""
    app = create_app(server.url, NS, database.find_job)

    @app.get("/polled/{id}")
    async def polled(id: str) -> int:
        row = database.read(id)
        assert row
        return row[2]

    port = free_port()
    web = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    running = asyncio.create_task(web.serve())
    await until(lambda: web.started)
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", limits=limits, timeout=20) as client:
        yield client
    web.should_exit = True
    await running


async def until(look: Callable[[], T]) -> T:
    async with asyncio.timeout(10):
        while not (seen := look()):
            await asyncio.sleep(0.005)
        return seen


async def view(http: httpx.AsyncClient, seen: list[dict[str, Any]]) -> None:
    async with http.stream("GET", "/jobs/7/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        async for line in response.aiter_lines():
            if line.startswith("data: "):
                seen.append(json.loads(line.removeprefix("data: ")))


def play(server: Server, script: Callable[[httpx.AsyncClient, Database], Awaitable[T]]) -> T:
    async def run() -> T:
        database = Database()
        async with serving(server, database) as http:
            return await script(http, database)

    return asyncio.run(run())


def lease(client: redis.Redis) -> str:
    token: str = client.execute_command("CACHE.RESULT", "FETCH", NS, "encode", PARAMS)[2]
    return token


def tell(client: redis.Redis, token: str, percent: int) -> None:
    assert client.execute_command("CACHE.RESULT", "RENEW", NS, token, "PROGRESS", json.dumps(percent)) == "OK"


def running(percent: int) -> dict[str, Any]:
    return {"status": "running", "progress": percent}


DONE = {"status": "done", "result": "7.mp4"}


def test_many_viewers_over_one_connection_and_no_reads(
    server: Server, client: redis.Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    async def with_events(http: httpx.AsyncClient, database: Database) -> int:
        token = lease(client)
        seen: list[list[dict[str, Any]]] = [[] for _ in range(VIEWERS)]
        viewers = [asyncio.create_task(view(http, one)) for one in seen]
        await until(lambda: all(one for one in seen))
        for percent in range(0, 100, 10):
            tell(client, token, percent)
            await until(lambda: all(one[-1] == running(percent) for one in seen))
            waiting = [one for one in client.client_list() if one["cmd"] == "cache.result|next" and "b" in one["flags"]]
            assert len(waiting) <= 1
        client.execute_command("CACHE.RESULT", "FILL", NS, token, '"7.mp4"')
        await asyncio.gather(*viewers)
        for one in seen:
            assert one == [{"status": "waiting"}, *map(running, range(0, 100, 10)), DONE]
        return database.reads

    async def with_polling(http: httpx.AsyncClient, database: Database) -> int:
        async def poll() -> None:
            while (await http.get("/polled/7")).json() < 100:
                await asyncio.sleep(0.05)

        viewers = [asyncio.create_task(poll()) for _ in range(VIEWERS)]
        for percent in range(0, 101, 10):
            database.write(percent)
            await asyncio.sleep(0.1)  # The job's own pace, twice that of the polls.
        await asyncio.gather(*viewers)
        return database.reads

    without = play(server, with_polling)
    with_cache = play(server, with_events)
    with capsys.disabled():
        print(f"\n{VIEWERS} viewers of a job: {without} reads of the database by polling, {with_cache} with events")
    assert with_cache == VIEWERS, "one each, to find the job"
    assert without > 4 * with_cache


def test_who_comes_later_sees_at_once_what_stands(server: Server, client: redis.Redis) -> None:
    async def script(http: httpx.AsyncClient, _: Database) -> None:
        assert (await http.get("/jobs/7")).json() == {"status": "waiting"}
        token = lease(client)
        tell(client, token, 30)
        assert (await http.get("/jobs/7")).json() == running(30)
        first: list[dict[str, Any]] = []
        second: list[dict[str, Any]] = []
        viewers = [asyncio.create_task(view(http, first))]
        await until(lambda: first == [running(30)])
        viewers.append(asyncio.create_task(view(http, second)))
        await until(lambda: second == [running(30)])
        client.execute_command("CACHE.RESULT", "FILL", NS, token, '"7.mp4"')
        await asyncio.gather(*viewers)
        assert first == second == [running(30), DONE]

    play(server, script)


def test_gone_and_failed(server: Server, client: redis.Redis) -> None:
    async def script(http: httpx.AsyncClient, _: Database) -> None:
        token = lease(client)
        tell(client, token, 30)
        seen: list[dict[str, Any]] = []
        viewer = asyncio.create_task(view(http, seen))
        await until(lambda: seen == [running(30)])
        client.execute_command("CACHE.RESULT", "INVALIDATE", NS, "encode", PARAMS)
        await until(lambda: seen[-1] == {"status": "waiting"})
        client.execute_command("CACHE.RESULT", "FAIL", NS, lease(client), "no GPU", "PX", 60_000)
        await viewer
        assert seen == [running(30), {"status": "waiting"}, {"status": "failed", "message": "no GPU"}]
        assert (await http.get("/jobs/8")).status_code == 404

    play(server, script)


def test_goes_on_after_a_restart_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(http: httpx.AsyncClient, _: Database) -> None:
        with server.client() as client:
            tell(client, lease(client), 30)
            seen: list[dict[str, Any]] = []
            viewer = asyncio.create_task(view(http, seen))
            await until(lambda: seen == [running(30)])
            server.stop()
            server.start()
            client.execute_command("CACHE.RESULT", "SET", NS, "encode", PARAMS, '"7.mp4"')
            await viewer
            assert seen[-1] == DONE

    with Server() as server:
        play(server, script)


def test_the_last_viewer_turns_off_the_light(server: Server, client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "BLOCK_MS", 50)

    async def script(http: httpx.AsyncClient, _: Database) -> None:
        seen: list[dict[str, Any]] = []
        viewer = asyncio.create_task(view(http, seen))
        await until(lambda: seen)
        await until(lambda: [one for one in client.client_list() if "b" in one["flags"]])
        viewer.cancel()
        calls = -1

        def quiet() -> bool:
            nonlocal calls
            before, calls = calls, int(client.info("commandstats")["cmdstat_cache.result|next"]["calls"])
            return calls == before

        await asyncio.sleep(0.2)
        async with asyncio.timeout(10):
            while not quiet():
                await asyncio.sleep(0.2)

    play(server, script)
