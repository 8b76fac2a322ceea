"""Recipe 4: `video`, with workers that are processes, one of which is killed."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from fastapi.testclient import TestClient

from recipes.video import Job, Report, Worker, create_app, plan_of, pretend

from .server import Server, eventually

NS = "videos-of:ann"


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()


def stats(client: redis.Redis) -> dict[str, Any]:
    figures: dict[str, Any] = client.execute_command("CACHE.STATS", NS)
    return figures


def test_another_worker_takes_over_from_one_that_is_killed(
    server: Server, client: redis.Redis, tmp_path: Path, processes: list[subprocess.Popen[str]]
) -> None:
    plan = plan_of("v1", ["sunrise", "noon"])
    plan[1]["params"]["step_s"] = 0.2
    api = TestClient(create_app(client, NS, {"v1": plan}))
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan))

    def start(name: str) -> None:
        command = [sys.executable, "-m", "recipes.video", server.url, NS, str(path), name]
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))

    def job(id: str) -> dict[str, Any]:
        found: dict[str, Any] = api.get("/videos/v1").json()["jobs"][id]
        return found

    start("first")
    eventually(lambda: job("scene-2").get("progress", {}).get("percent", 0) >= 30, what="progress of scene 2")
    assert job("scene-1") == {"status": "done", "result": "/files/scene-1-of-0.mp4"}
    assert job("video") == {"status": "waiting"}

    start("second")
    eventually(lambda: stats(client)["waiters"] == 1, what="the second worker waiting")
    assert job("scene-2")["progress"]["by"] == "first"
    processes[0].kill()

    eventually(lambda: job("scene-2").get("progress", {}).get("by") == "second", what="the take-over")
    output, _ = processes[1].communicate(timeout=20)
    assert json.loads(output) == {
        "scene-1": "/files/scene-1-of-0.mp4",
        "scene-2": "/files/scene-2-of-0.mp4",
        "video": "/files/video-of-2.mp4",
    }
    assert stats(client)["leases_lapsed"] == 1
    assert stats(client)["fills"] == 3, "what the first had finished was not made again"


def test_workers_share_a_plan(server: Server, client: redis.Redis) -> None:
    plan = plan_of("v1", ["a", "b", "c", "d"])
    made: list[str] = []

    def make(job: Job, inputs: list[Any], report: Report) -> str:
        made.append(job["id"])
        return pretend(job, inputs, report)

    results: list[dict[str, Any]] = []
    workers = [
        threading.Thread(target=lambda name=name: results.append(Worker(server.url, NS, name, make).work(plan)))
        for name in ("one", "two", "three")
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)
    assert len(results) == 3 and results[0] == results[1] == results[2]
    assert sorted(made) == ["scene-1", "scene-2", "scene-3", "scene-4", "video"]


def test_delete_takes_back_a_job_and_what_depends_on_it(server: Server, client: redis.Redis) -> None:
    plan = plan_of("v1", ["a", "b"])
    api = TestClient(create_app(client, NS, {"v1": plan}))
    Worker(server.url, NS, "one", pretend).work(plan)
    assert api.delete("/videos/v1/results", params={"start": "scene-2"}).json() == {"invalidated": 2}
    assert [job["status"] for job in api.get("/videos/v1").json()["jobs"].values()] == ["done", "waiting", "waiting"]
    assert api.delete("/videos/v1/results").json() == {"invalidated": 1}
    assert api.delete("/videos/v1/results", params={"start": "scene-9"}).status_code == 404
    assert api.delete("/videos/v2/results").status_code == 404


def test_delete_while_it_is_made_makes_it_anew(server: Server, client: redis.Redis) -> None:
    plan = plan_of("v1", ["a"])
    api = TestClient(create_app(client, NS, {"v1": plan}))
    begun: list[str] = []

    def make(job: Job, inputs: list[Any], report: Report) -> str:
        begun.append(job["id"])
        if len(begun) == 1:
            report(50)
            api.delete("/videos/v1/results")
            report(60)
            raise AssertionError("went on with what nobody wants")
        return f"attempt {len(begun)}"

    assert Worker(server.url, NS, "one", make).work(plan) == {"scene-1": "attempt 2", "video": "attempt 3"}


def test_a_failure_is_told(server: Server, client: redis.Redis) -> None:
    plan = plan_of("v1", ["a"])
    api = TestClient(create_app(client, NS, {"v1": plan}))

    def fail(job: Job, inputs: list[Any], report: Report) -> str:
        raise OSError("no GPU")

    with pytest.raises(OSError, match="no GPU"):
        Worker(server.url, NS, "one", fail).work(plan)
    assert api.get("/videos/v1").json()["jobs"]["scene-1"] == {"status": "failed", "message": "OSError('no GPU')"}
    with pytest.raises(RuntimeError, match="no GPU"):
        Worker(server.url, NS, "two", fail).work(plan)
