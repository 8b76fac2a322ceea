"""Files as results: sources and renditions within a budget of disk, a janitor that deletes them, and uploads that resume.

Use it where results are files. What is cached is a file's name; the entry's WEIGHT says what the file takes, the server keeps the sum
within MAXWEIGHT, and whatever goes is written to a stream, from which janitors delete the files:

    CACHE.POLICY SET media:* * MAXWEIGHT 500gb REMOVALS 100000 TTL 30d LEASE 30s
    CACHE.POLICY SET media:* upload TTL 7d

Each attempt writes a file of a name of its own. That makes the rest safe: a file that its entry does not list will never
be listed again, so deleting it may be late, or repeated, and never hits what somebody else has just written.
"""

import json
import logging
import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

log = logging.getLogger(__name__)

BLOCK_MS = 5_000


def connect(url: str) -> redis.Redis:
    retry = Retry(ExponentialBackoff(base=0.05, cap=1), 3, (redis.ConnectionError, redis.TimeoutError))
    timeout = BLOCK_MS / 1000 + 1
    return redis.Redis.from_url(url, decode_responses=True, socket_connect_timeout=1, socket_timeout=timeout, retry=retry)


Beat = Callable[[], None]
"""To be called several times in a lease's length, while a file is written. Raises LeaseLost."""


class LeaseLost(Exception):
    """The file would not be wanted: the entry was invalidated, or another makes it."""


class Files:
    """Files that are results, in one folder that all its users share. A namespace for each such folder."""

    def __init__(self, client: redis.Redis, namespace: str, folder: Path) -> None:
        self._redis = client
        self._namespace = namespace
        self._folder = folder

    def source(self, url: str, size: int, download: Callable[[Path, Beat], None]) -> Path:
        return self.file("source", {"url": url}, size, download)

    def rendition(self, url: str, height: int, size: int, encode: Callable[[Path, Beat], None]) -> Path:
        return self.file("rendition", {"url": url, "height": height}, size, encode)

    def file(self, operation: str, params: Any, size: int, write: Callable[[Path, Beat], None]) -> Path:
        """The file of these params, written if need be: about `size` bytes, for which room is made before."""
        name = (operation, json.dumps(params))
        options: list[str | int] = ["BLOCK", BLOCK_MS, "HOLDER", uuid.uuid4().hex]
        while True:
            status, value, token, version = self._call("FETCH", *name, *options)
            if status in ("HIT", "STALE"):
                path = self._folder / str(json.loads(value)["file"])
                if path.exists():
                    return path
                options[4:] = ["REJECT", version]  # Somebody deleted it. Make it anew.
            elif status == "FAILED":
                raise RuntimeError(value)
            elif status == "LEASE" and (written := self._write(name, token, size, write)):
                return written

    def _write(self, name: tuple[str, str], token: str, size: int, write: Callable[[Path, Beat], None]) -> Path | None:
        def beat() -> None:
            if self._call("RENEW", token) == "FENCED":
                raise LeaseLost

        fingerprint = self._call("KEY", *name).rpartition(":")[2]
        path = self._folder / f"{name[0]}.{fingerprint}.{uuid.uuid4().hex}"
        self._call("RENEW", token, "WEIGHT", size)
        try:
            write(path, beat)
            weight = path.stat().st_size
            filled = self._call("FILL", token, json.dumps({"file": path.name}), "WEIGHT", weight)
        except LeaseLost:
            path.unlink(missing_ok=True)
            return None
        except redis.RedisError:  # Whether it was stored is not known. If not, the sweep of orphans finds the file.
            raise
        except Exception as error:
            path.unlink(missing_ok=True)
            self._call("FAIL", token, repr(error)[:1000])
            raise
        # A repeated FILL is refused, though the first arrived: look before the file is deleted.
        if filled == "FENCED" and path.name not in listed(self._redis, self._namespace, name[0], name[1]):
            path.unlink()
            return None
        return path

    def _call(self, subcommand: str, *arguments: str | int) -> Any:
        return self._redis.execute_command("CACHE.RESULT", subcommand, self._namespace, *arguments)


def listed(client: redis.Redis, namespace: str, operation: str, params: str) -> set[str]:
    """The files that an entry lists at this moment, be it stale. NEXT is no use of the entry, which GET would be."""
    for _, status, value, _ in client.execute_command("CACHE.RESULT", "NEXT", namespace, "AFTER", operation, params, 0) or []:
        if status in ("HIT", "STALE"):
            return {json.loads(value)["file"]}
    return set()


class Janitor:
    """Deletes the files of what went from the cache. Any number of janitors share the work; none is lost if one dies."""

    GROUP = "janitors"

    def __init__(self, client: redis.Redis, namespace: str, folder: Path, name: str, *, dead_after_ms: int = 60_000) -> None:
        self._redis = client
        self._namespace = namespace
        self._folder = folder
        self._name = name
        self._dead_after_ms = dead_after_ms
        self._stream = f"result:{{{namespace}}}:removals"  # For a namespace without a hash tag of its own.
        try:
            client.xgroup_create(self._stream, self.GROUP, id="0", mkstream=True)
        except redis.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    def clean(self, block_ms: int = BLOCK_MS) -> int:
        """Deletes what there is to delete, or waits for it. Returns how many files. To be called for ever."""
        claim = ("XAUTOCLAIM", self._stream, self.GROUP, self._name, self._dead_after_ms, "0-0", "COUNT", 100)
        records = self._redis.execute_command(*claim)[1]  # What a janitor took that has died since.
        if not records:
            read: Any = self._redis.xreadgroup(self.GROUP, self._name, {self._stream: ">"}, count=100, block=block_ms)
            records = read[0][1] if read else []
        deleted = 0
        for id, fields in records:
            record = fields if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2], strict=True))
            deleted += self._delete(record)
            self._redis.xack(self._stream, self.GROUP, id)  # After the deed: if this is not reached, it is done again.
        return deleted

    def _delete(self, record: dict[str, str]) -> bool:
        file = json.loads(record["result"])["file"]
        if Path(file).name != file:
            log.error("not a name of a file: %r", file)
            return False
        # Replaced by a result that lists the same file?
        if file in listed(self._redis, self._namespace, record["operation"], f"fp:{record['fingerprint']}"):
            return False
        return remove(self._folder / file)

    def sweep_orphans(self, older_than_s: float = 3600) -> int:
        """Deletes files that no entry lists: after FLUSHALL, DEL of entries, or the death of a writer. Once an hour, say.

        `older_than_s`: since it was last written to. Longer than any pause in writing, and than FILL takes.
        """
        deleted = 0
        for entry in os.scandir(self._folder):
            operation, fingerprint, _ = entry.name.split(".")
            if time.time() - entry.stat().st_mtime < older_than_s:
                continue
            if entry.name not in listed(self._redis, self._namespace, operation, f"fp:{fingerprint}"):
                deleted += remove(Path(entry.path))
        return deleted


def remove(path: Path) -> bool:
    try:
        path.unlink()
        return True
    except FileNotFoundError:
        return False


class Upload:
    """An upload of several files that goes on where it stopped, be it by another program, or by several at the same time.

    Its state is a result that is changed in the server, so that nobody's change is lost:
    {"status": "running", "attempts": 2, "files": {"720p.mp4": "etag"}, "errors": [{"file": ..., "error": ...}]}
    """

    def __init__(self, client: redis.Redis, namespace: str, id: str) -> None:
        self._redis = client
        self._name = (namespace, "upload", json.dumps({"id": id}))

    def state(self) -> dict[str, Any]:
        value = self._redis.execute_command("CACHE.RESULT", "GET", *self._name)
        state: dict[str, Any] = json.loads(value) if value else {}
        return state

    def run(self, files: list[str], send: Callable[[str], str]) -> dict[str, Any]:
        """`send` uploads a file, and returns what the other side calls it. Files that are there already are not sent again."""
        # An INCR whose reply is lost is repeated and counts twice: good enough for attempts. IFVERSION would prevent it.
        self._merge({"status": "running"}, "INCR", "/attempts", 1)
        for file in files:
            if file in self.state().get("files", {}):
                continue
            try:
                etag = send(file)
            except OSError as error:
                self._merge({"status": "failed"}, "APPEND", "/errors", json.dumps({"file": file, "error": str(error)}))
                raise
            self._merge({"files": {file: etag}})
        self._merge({"status": "completed"})
        return self.state()

    def _merge(self, patch: dict[str, Any], *options: str | int) -> None:
        self._redis.execute_command("CACHE.RESULT", "MERGE", *self._name, json.dumps(patch), "UPSERT", *options)
