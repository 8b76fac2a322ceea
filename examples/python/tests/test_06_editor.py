"""Recipe 6: `editor`."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

from recipes.editor import BuildFailed, Project, well_formed

from .server import eventually

NS = "project:7"


class Memory:
    def __init__(self) -> None:
        self.rows: dict[int, dict[str, Any]] = {id: {"text": f"scene {id}"} for id in range(1, 11)}
        self.reads: Counter[str] = Counter()
        self.after_reading: Callable[[], object] = lambda: None

    def scenes(self) -> dict[int, dict[str, Any]]:
        self.reads["scenes"] += 1
        found = dict(self.rows)
        self._read()
        return found

    def scene(self, id: int) -> dict[str, Any] | None:
        self.reads["scene"] += 1
        found = self.rows.get(id)
        self._read()
        return found

    def _read(self) -> None:
        after, self.after_reading = self.after_reading, lambda: None
        after()

    def save(self, id: int, scene: dict[str, Any] | None) -> None:
        if scene is None:
            del self.rows[id]
        else:
            self.rows[id] = scene


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def project(client: redis.Redis, memory: Memory) -> Project:
    for operation in ("scene", "decide"):
        client.execute_command("CACHE.POLICY", "SET", "project:*", operation, "TAGS", "scene:{params/scene}")
    return Project(client, NS, memory)


class Model:
    def __init__(self, target: int = 2) -> None:
        self.prompts: list[str] = []
        self.target = target

    def __call__(self, prompt: str) -> dict[str, Any]:
        self.prompts.append(prompt)
        return {"action": "move", "targetSceneId": self.target, "n": len(self.prompts)}


def test_opening_reads_once_and_editing_is_seen(project: Project, memory: Memory) -> None:
    assert project.open() == 10
    assert [project.scene(id) for id in memory.rows] == list(memory.rows.values())
    project.edit(3, {"text": "new"})
    assert project.scene(3) == {"text": "new"}
    assert memory.reads == {"scenes": 1, "scene": 1}
    assert project.open() == 0, "all of it is there"


def test_an_edit_while_a_project_opens_is_not_overwritten(project: Project, memory: Memory) -> None:
    memory.after_reading = lambda: project.edit(3, {"text": "new"})
    assert project.open() == 9
    assert project.scene(3) == {"text": "new"}


def test_an_edit_while_a_scene_is_read_is_not_overwritten(project: Project, memory: Memory) -> None:
    memory.after_reading = lambda: project.edit(3, {"text": "new"})
    assert project.scene(3) == {"text": "scene 3"}, "as it was when it was read"
    assert project.scene(3) == {"text": "new"}


def test_a_decision_ends_with_its_scene(project: Project) -> None:
    model = Model()
    assert project.decide(1, "bolder", model) == project.decide(1, "bolder", model)
    project.edit(5, {"text": "another"})
    project.decide(1, "bolder", model)
    assert len(model.prompts) == 1
    project.edit(1, {"text": "new"})
    project.decide(1, "bolder", model)
    assert len(model.prompts) == 2


def test_a_decision_whose_target_was_deleted_is_rejected(project: Project) -> None:
    model = Model(target=2)
    assert project.decide(1, "bolder", model)["n"] == 1
    project.edit(2, None)
    model.target = 4
    with ThreadPoolExecutor(4) as callers:
        decisions = list(callers.map(lambda _: project.decide(1, "bolder", model), range(4)))
    assert [(decision["targetSceneId"], decision["n"]) for decision in decisions] == [(4, 2)] * 4


ODD = ["", "\x00", "\u2028\u2029", "e\u0301", "\u00e9", "\ufeff", "👩\u200d🚀", "\U0010ffff", "שלום\u202e", '"\\/\b', "a" * 50_000]


def test_odd_prompts_have_decisions_of_their_own(project: Project) -> None:
    model = Model()
    first = [project.decide(1, prompt, model) for prompt in ODD]
    assert model.prompts == ODD
    assert [project.decide(1, prompt, model) for prompt in ODD] == first


def test_halves_of_characters_are_joined_or_replaced(project: Project, client: redis.Redis) -> None:
    with pytest.raises(redis.ResponseError, match="BADPARAMS"):
        client.execute_command("CACHE.RESULT", "KEY", NS, "decide", json.dumps("\ud83d"))
    assert well_formed("\ud83d\ude80") == "🚀"
    model = Model()
    assert project.decide(1, "go \ud83d\ude80", model) == project.decide(1, "go 🚀", model)
    assert project.decide(1, "go \ud83d", model) == project.decide(1, "go \ufffd", model)
    assert len(model.prompts) == 2


def test_only_builds_that_succeed_are_kept(project: Project, client: redis.Redis) -> None:
    may_fail, builds = threading.Event(), list[str]()

    def fail() -> str:
        builds.append("failed")
        assert may_fail.wait(10)
        raise OSError("syntax error in scene 3")

    def waiters() -> bool:
        return bool(client.execute_command("CACHE.STATS", NS)["waiters"] == 3)

    with ThreadPoolExecutor(4) as callers:
        answers = [callers.submit(project.build, "r1", fail) for _ in range(4)]
        eventually(waiters, what="three who wait")
        may_fail.set()
        errors = [answer.exception(10) for answer in answers]
    assert sorted(type(error).__name__ for error in errors) == ["BuildFailed", "BuildFailed", "BuildFailed", "OSError"]
    assert all("syntax error in scene 3" in str(error) for error in errors if isinstance(error, BuildFailed))
    assert builds == ["failed"], "one build for all of them"
    assert project.build("r1", lambda: "bundle-1.js") == "bundle-1.js"
    assert project.build("r1", fail) == "bundle-1.js"
