"""An editor's results: scenes, what an AI decided, builds; warmed when a project is opened, and right when it is changed.

Use it where results are bound to data that people edit meanwhile. Three ways in which a result becomes invalid:
by tag, when what it was made of has changed; by REJECT, when it points to what is not there any more; and never, for
builds that failed, since only successes are kept.

    CACHE.POLICY SET project:* scene   TTL 10m TAGS "scene:{params/scene}"
    CACHE.POLICY SET project:* decide  TTL 7d  TAGS "scene:{params/scene}"
    CACHE.POLICY SET project:* build   TTL 7d
"""

import json
import uuid
from collections.abc import Callable
from typing import Any, Protocol

import redis

BLOCK_MS = 5_000  # The client's socket_timeout is to be longer.


class Database(Protocol):
    def scenes(self) -> dict[int, dict[str, Any]]: ...
    def scene(self, id: int) -> dict[str, Any] | None: ...
    def save(self, id: int, scene: dict[str, Any] | None) -> None: ...


class BuildFailed(Exception):
    pass


class Project:
    """`namespace`: one for each project, since it is dropped as a whole, and fits one shard."""

    def __init__(self, client: redis.Redis, namespace: str, database: Database) -> None:
        self._redis = client
        self._namespace = namespace
        self._database = database

    def open(self) -> int:
        """Brings all scenes into the cache with one query and one command. Returns how many were not there."""
        # The stamp is taken before reading. What is edited from here on is not overwritten by what was read.
        stamp = self._redis.execute_command("CACHE.CLOCK", self._namespace)
        rows = [
            {"operation": "scene", "params": {"scene": id}, "result": scene} for id, scene in self._database.scenes().items()
        ]
        # NX: what is there is fresh.
        warm = ("CACHE.WARM", self._namespace, "NX", "SINCE", stamp, "JSON", json.dumps(rows))
        stored, _skipped = self._redis.execute_command(*warm)
        return int(stored)

    def scene(self, id: int) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self._cached("scene", {"scene": id}, lambda: self._database.scene(id))
        return found

    def edit(self, id: int, scene: dict[str, Any] | None) -> None:
        """Saves a scene, or deletes it. All that was made of it goes, what is being made of it is not kept."""
        self._database.save(id, scene)
        self._redis.execute_command("CACHE.INVALIDATE", "TAG", self._namespace, f"scene:{id}")

    def decide(self, scene: int, prompt: str, ask_model: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
        """What the model decided: {"action": ..., "targetSceneId": ...}. One whose target was deleted counts for nothing."""
        prompt = well_formed(prompt)

        def usable(decision: dict[str, Any]) -> bool:
            return self.scene(decision["targetSceneId"]) is not None

        params = {"scene": scene, "prompt": prompt}
        decision: dict[str, Any] = self._cached("decide", params, lambda: ask_model(prompt), usable)
        return decision

    def build(self, revision: str, run: Callable[[], str]) -> str:
        """What was built of a revision. A failure reaches all who wait for this very build; the next to ask builds again."""
        built: str = self._cached("build", {"revision": revision}, run)
        return built

    def _cached(
        self, operation: str, params: Any, compute: Callable[[], Any], usable: Callable[[Any], bool] = lambda _: True
    ) -> Any:
        """As `cached`, of which this is the core, but for what the caller finds unusable."""
        name = (operation, json.dumps(params))
        holder, reject = uuid.uuid4().hex, list[str | int]()
        while True:
            status, value, token, version = self._call("FETCH", *name, "BLOCK", BLOCK_MS, "HOLDER", holder, *reject)
            if status == "FAILED":
                raise BuildFailed(value)
            if status == "LEASE":
                try:
                    result = compute()
                except Exception as error:
                    # Without PX, and without a rule NEGATIVE, nobody but those who wait is told.
                    self._call("FAIL", token, repr(error)[:1000])
                    raise
                self._call("FILL", token, json.dumps(result))
                return result
            if status in ("HIT", "STALE"):
                result = json.loads(value)
                if usable(result):
                    return result
                # That very version: what another makes of it meanwhile is welcome.
                reject = ["REJECT", version]

    def _call(self, subcommand: str, *arguments: str | int) -> Any:
        return self._redis.execute_command("CACHE.RESULT", subcommand, self._namespace, *arguments)


def well_formed(text: str) -> str:
    """Joins surrogates that belong together, and replaces halves by U+FFFD, which no JSON may hold: browsers send both.

    Nothing else: "é" in one code point or in two is another prompt to a model, and so another decision.
    """
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
