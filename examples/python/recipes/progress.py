"""Showing progress to many viewers, without polling: server-sent events, and one waiting connection for all of them.

Use it where pages ask every second how far a job is. Whoever makes the result holds its lease and tells its progress (RENEW ...
PROGRESS, see `video`). The hub follows all jobs that are watched with one call of NEXT, which the server answers at the moment
when one of them changes; no database is read, however many watch.

    uvicorn --factory mine:app      # app = lambda: create_app("redis://localhost", "videos-of:ann", find_job)
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import redis.asyncio as redis
from fastapi import FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

log = logging.getLogger(__name__)

BLOCK_MS = 1_000  # How late, at most, a job joins those that are followed. Until then there is what was seen at its opening.
STILL_HERE_S = 15  # Proxies close connections that say nothing for long.
MOST_JOBS = 1_000  # So many does one call follow. Where there are more, use several hubs.

Name = tuple[str, str]
"""Operation and params, as JSON."""
Event = dict[str, Any]


def event(status: str, value: str | None) -> Event:
    match status:
        case "BUSY":
            return {"status": "running", "progress": json.loads(value or "null")}
        case "HIT" | "STALE":
            return {"status": "done", "result": json.loads(value or "null")}
        case "FAILED":
            return {"status": "failed", "message": value}
        case _:
            return {"status": "waiting"}


class Job:
    """A job that is watched by at least one viewer."""

    def __init__(self) -> None:
        self.version = 0
        self.last: Event = event("GONE", None)
        self.viewers: set[asyncio.Queue[Event]] = set()

    def tell(self, version: int, news: Event) -> None:
        self.version, self.last = version, news
        for viewer in self.viewers:
            if viewer.full():  # A slow viewer is not interested in how far it was then.
                viewer.get_nowait()
            viewer.put_nowait(news)


class Hub:
    def __init__(self, url: str, namespace: str) -> None:
        retry = Retry(ExponentialBackoff(base=0.05, cap=1), 3, (redis.ConnectionError, redis.TimeoutError))
        self._quick = redis.Redis.from_url(url, decode_responses=True, socket_timeout=1, retry=retry)
        self._waiting = redis.Redis.from_url(url, decode_responses=True, socket_timeout=BLOCK_MS / 1000 + 1, retry=retry)
        self._namespace = namespace
        self._jobs: dict[Name, Job] = {}
        self._some = asyncio.Event()

    async def now(self, name: Name) -> tuple[int, Event]:
        """What stands at this moment, and its version. Looking leases nothing."""
        known = await self._quick.execute_command("CACHE.RESULT", "NEXT", self._namespace, "AFTER", *name, 0)
        if not known:
            return 0, event("GONE", None)
        _, status, value, version = known[0]
        return version, event(status, value)

    async def watch(self, name: Name) -> AsyncIterator[Event | None]:
        """The state of a job, and each change until it is done or failed. None where nothing was to be told for a while."""
        if name not in self._jobs and len(self._jobs) >= MOST_JOBS:
            raise HTTPException(503, "too many jobs are watched")
        job = self._jobs.setdefault(name, Job())
        viewer = asyncio.Queue[Event](maxsize=1)
        job.viewers.add(viewer)
        try:
            if job.version == 0:
                version, first = await self.now(name)
                if version != 0 and job.version == 0:  # Nobody told more meanwhile.
                    job.tell(version, first)
            if viewer.empty():
                viewer.put_nowait(job.last)
            self._some.set()
            news: Event | None = None
            while news is None or news["status"] not in ("done", "failed"):
                try:
                    news = await asyncio.wait_for(viewer.get(), STILL_HERE_S)
                except TimeoutError:
                    news = None
                yield news
        finally:
            job.viewers.discard(viewer)
            if not job.viewers:
                self._jobs.pop(name, None)

    async def follow(self) -> None:
        """Runs as long as the program: one connection, whatever the number of viewers."""
        while await self._some.wait():
            names = list(self._jobs)
            if not names:
                self._some.clear()
                continue
            after = [part for name in names for part in (*name, self._jobs[name].version)]
            try:
                changes = await self._waiting.execute_command(
                    "CACHE.RESULT", "NEXT", self._namespace, "BLOCK", BLOCK_MS, "AFTER", *after
                )
            except redis.RedisError as error:
                log.warning("viewers are not told of changes: %s", error)
                await asyncio.sleep(1)
                continue
            for index, status, value, version in changes or []:
                if job := self._jobs.get(names[index]):
                    job.tell(version, event(status, value))

    async def aclose(self) -> None:
        await self._quick.aclose()
        await self._waiting.aclose()


def create_app(url: str, namespace: str, find_job: Callable[[str], Awaitable[Name | None]]) -> FastAPI:
    """`find_job` reads the database: which result is it that job of this id makes? Once for each viewer, not for each look."""
    hub = Hub(url, namespace)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        following = asyncio.create_task(hub.follow())
        yield
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        await hub.aclose()

    app = FastAPI(lifespan=lifespan)

    async def find(id: str) -> Name:
        name = await find_job(id)
        if name is None:
            raise HTTPException(404, f"there is no job {id}")
        return name

    @app.get("/jobs/{id}")
    async def status(id: str) -> Event:
        _, now = await hub.now(await find(id))
        return now

    @app.get("/jobs/{id}/events")
    async def events(id: str) -> StreamingResponse:
        name = await find(id)

        async def lines() -> AsyncIterator[str]:
            async for news in hub.watch(name):
                yield ": still here\n\n" if news is None else f"data: {json.dumps(news)}\n\n"

        return StreamingResponse(lines(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    return app
