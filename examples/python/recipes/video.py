"""Generating videos: workers that share the jobs of a plan, tell their progress, and take over from one another.

Use it where a result is made in steps of minutes, by programs that get killed. Each job is leased; telling progress renews
the lease, so a worker that dies or hangs is overtaken after `LEASE_MS`, and only in the job that it was at. A request
to make part of a video anew (DELETE) takes those results back, and their makers notice with their next progress.

    python -m recipes.video redis://localhost videos-of:ann plan.json worker-1     # start as many as you like
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, TypedDict

import redis
from fastapi import FastAPI, HTTPException
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

LEASE_MS = 2_000  # Progress is told several times in it.
BLOCK_MS = 5_000


class Job(TypedDict):
    id: str
    operation: str
    params: Any
    dependsOn: list[str]


Report = Callable[[int], None]
"""Tells the percentage that is done. Raises LeaseLost when there is no point in going on."""
Make = Callable[[Job, list[Any], Report], Any]
"""Makes the result of a job, from the results of those that it depends on."""


class LeaseLost(Exception):
    """The job was invalidated, or taken over by another worker."""


def plan_of(video: str, scenes: list[str]) -> list[Job]:
    """Each scene is rendered by itself, and the video cut from all of them."""
    plan: list[Job] = [
        {"id": f"scene-{number}", "operation": "renderScene", "params": {"text": text}, "dependsOn": []}
        for number, text in enumerate(scenes, 1)
    ]
    ids = [job["id"] for job in plan]
    return [*plan, {"id": "video", "operation": "cutVideo", "params": {"video": video, "scenes": scenes}, "dependsOn": ids}]


class Worker:
    def __init__(self, url: str, namespace: str, name: str, make: Make) -> None:
        """`name` is unique among workers, and new with each start: it tells one's own leases from those of others."""
        self._namespace = namespace
        self._name = name
        self._make = make
        self._redis = redis.Redis.from_url(
            url,
            decode_responses=True,
            socket_connect_timeout=1,
            socket_timeout=BLOCK_MS / 1000 + 1,
            retry=Retry(ExponentialBackoff(base=0.05, cap=1), 5, (redis.ConnectionError, redis.TimeoutError)),
        )

    def work(self, plan: list[Job]) -> dict[str, Any]:
        """Returns the results of all jobs, whoever made them."""
        results: dict[str, Any] = {}
        block: list[str | int] = []
        while len(results) < len(plan):
            ready = [job for job in plan if job["id"] not in results and results.keys() >= set(job["dependsOn"])]
            done = False
            for job in ready:
                done |= self._attempt(job, results, block)
                if done and block:
                    break
            # What is left is with others. Wait for one of them to finish, or to die.
            block = [] if done else ["BLOCK", BLOCK_MS]
        return results

    def _attempt(self, job: Job, results: dict[str, Any], block: list[str | int]) -> bool:
        lease: list[str | int] = ["LEASE", LEASE_MS, "HOLDER", self._name]
        status, value, token, _ = self._call("FETCH", job["operation"], json.dumps(job["params"]), *lease, *block)
        if status == "FAILED":
            raise RuntimeError(f"{job['id']}: {value}")
        if status == "BUSY":
            return False
        if status == "LEASE":
            try:
                value = json.dumps(self._make(job, [results[id] for id in job["dependsOn"]], self._reporter(token)))
            except LeaseLost:
                return False
            except Exception as error:
                self._call("FAIL", token, repr(error)[:1000], "PX", 10_000)
                raise
            if self._call("FILL", token, value) == "FENCED":
                return False
        results[job["id"]] = json.loads(value)
        return True

    def _reporter(self, token: str) -> Report:
        def report(percent: int) -> None:
            if self._call("RENEW", token, "PROGRESS", json.dumps({"percent": percent, "by": self._name})) == "FENCED":
                raise LeaseLost

        return report

    def _call(self, subcommand: str, *arguments: str | int) -> Any:
        return self._redis.execute_command("CACHE.RESULT", subcommand, self._namespace, *arguments)


def create_app(client: redis.Redis, namespace: str, videos: Mapping[str, list[Job]]) -> FastAPI:
    """`videos` stands for the database; `client` decodes responses."""
    app = FastAPI()

    def find(video: str) -> list[Job]:
        if video not in videos:
            raise HTTPException(404, f"there is no video {video}")
        return videos[video]

    @app.get("/videos/{video}")
    def status(video: str) -> dict[str, Any]:
        """What is known of each job. Nothing is leased by looking, as NEXT with version 0 does."""
        plan = find(video)
        after = [part for job in plan for part in (job["operation"], json.dumps(job["params"]), 0)]
        known = client.execute_command("CACHE.RESULT", "NEXT", namespace, "AFTER", *after) or []
        jobs: dict[str, dict[str, Any]] = {job["id"]: {"status": "waiting"} for job in plan}
        for index, state, value, _ in known:
            if state == "BUSY":
                jobs[plan[index]["id"]] = {"status": "running", "progress": json.loads(value)}
            elif state == "FAILED":
                jobs[plan[index]["id"]] = {"status": "failed", "message": value}
            else:
                jobs[plan[index]["id"]] = {"status": "done", "result": json.loads(value)}
        return {"video": video, "jobs": jobs}

    @app.delete("/videos/{video}/results")
    def invalidate(video: str, start: str | None = None) -> dict[str, int]:
        """Takes back all results of a video; with `start` those of one job and of all that depend on it."""
        plan = find(video)
        if start is not None and start not in [job["id"] for job in plan]:
            raise HTTPException(404, f"video {video} has no job {start}")
        begin = [] if start is None else ["FROM", start]
        # Not CACHE.INVALIDATE.PLAN, though it is the same: redis-py refuses names with two dots in a cluster.
        count = client.execute_command("CACHE.INVALIDATE", "PLAN", namespace, json.dumps(plan), *begin)
        return {"invalidated": count}

    return app


def pretend(job: Job, inputs: list[Any], report: Report) -> str:
    """Stands for the real work: ten steps, as long as the params say."""
    for percent in range(0, 100, 10):
        report(percent)
        time.sleep(job["params"].get("step_s", 0.02))
    return f"/files/{job['id']}-of-{len(inputs)}.mp4"


if __name__ == "__main__":
    url, namespace, path, name = sys.argv[1:]
    with open(path) as file:
        print(json.dumps(Worker(url, namespace, name, pretend).work(json.load(file))))
