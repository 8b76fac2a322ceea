"""Recipe 8: `encoder`."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import redis

from recipes.encoder import Beat, Files, Janitor, LeaseLost, Upload, connect

from .server import Server, eventually

NS = "media:a"
URL = "https://example.com/7.mov"


@pytest.fixture
def media(server: Server) -> Iterator[redis.Redis]:
    with connect(server.url) as client:
        client.execute_command("CACHE.POLICY", "SET", "media:*", "*", "MAXWEIGHT", "1000kb", "REMOVALS", 1000)
        yield client


def of(size: int, wrote: list[str] | None = None) -> Callable[[Path, Beat], None]:
    def write(path: Path, beat: Beat) -> None:
        beat()
        path.write_bytes(bytes(size))
        if wrote is not None:
            wrote.append(path.name)

    return write


def never(path: Path, beat: Beat) -> None:
    raise AssertionError("written although it was there")


def weight(client: redis.Redis) -> int:
    return int(client.execute_command("CACHE.STATS", NS)["weight"])


def test_writes_each_file_once(media: redis.Redis, tmp_path: Path) -> None:
    files, wrote = Files(media, NS, tmp_path), list[str]()
    source = files.source(URL, 1000, of(1000, wrote))
    with ThreadPoolExecutor(8) as callers:
        paths = list(callers.map(lambda _: files.rendition(URL, 720, 500, of(500, wrote)), range(8)))
    assert len(set(paths)) == 1 and paths[0] != source and len(wrote) == 2
    assert paths[0].stat().st_size == 500
    assert weight(media) == 1500


def test_budget_is_kept_and_the_janitor_deletes(media: redis.Redis, tmp_path: Path) -> None:
    files, janitor = Files(media, NS, tmp_path), Janitor(media, NS, tmp_path, "one")
    paths = [files.rendition(URL, height, 400_000, of(400_000)) for height in (360, 720, 1080)]
    assert weight(media) == 800_000
    assert janitor.clean() == 1
    assert [path.exists() for path in paths] == [False, True, True]
    assert janitor.clean(block_ms=1) == 0


def test_makes_room_before_it_writes(media: redis.Redis, tmp_path: Path) -> None:
    files = Files(media, NS, tmp_path)
    files.rendition(URL, 360, 900_000, of(900_000))

    def write(path: Path, beat: Beat) -> None:
        eventually(lambda: weight(media) == 0, what="room")
        of(200_000)(path, beat)

    files.rendition(URL, 720, 200_000, write)


def test_all_causes_and_a_janitor_that_died(media: redis.Redis, tmp_path: Path) -> None:
    files = Files(media, NS, tmp_path)
    path = files.rendition(URL, 360, 10, of(10))
    dead = Janitor(media, NS, tmp_path, "dead")
    media.execute_command("CACHE.INVALIDATE", "OPERATION", NS, "rendition")
    stream = f"result:{{{NS}}}:removals"
    eventually(lambda: media.xlen(stream) == 1, what="the record")
    media.xreadgroup(Janitor.GROUP, "dead", {stream: ">"})
    assert dead.clean(block_ms=1) == 0 and path.exists()
    alive = Janitor(media, NS, tmp_path, "alive", dead_after_ms=50)
    eventually(lambda: alive.clean(block_ms=1) == 1, what="the take-over")
    assert not path.exists()
    assert media.xpending(stream, Janitor.GROUP)["pending"] == 0


def test_a_file_that_is_still_listed_stays(media: redis.Redis, tmp_path: Path) -> None:
    path = Files(media, NS, tmp_path).rendition(URL, 360, 10, of(10))
    janitor = Janitor(media, NS, tmp_path, "one")
    params = json.dumps({"url": URL, "height": 360})
    media.execute_command("CACHE.RESULT", "MERGE", NS, "rendition", params, '{"checked":true}')
    stream = f"result:{{{NS}}}:removals"
    assert media.xlen(stream) == 1
    assert janitor.clean() == 0 and path.exists()
    assert media.xpending(stream, Janitor.GROUP)["pending"] == 0


def test_names_that_lead_elsewhere_are_not_deleted(media: redis.Redis, tmp_path: Path) -> None:
    folder = tmp_path / "media"
    folder.mkdir()
    (tmp_path / "precious").touch()
    janitor = Janitor(media, NS, folder, "one")
    media.execute_command("CACHE.RESULT", "SET", NS, "x", "1", '{"file":"../precious"}', "WEIGHT", 1)
    media.execute_command("CACHE.RESULT", "INVALIDATE", NS, "x", "1")
    assert janitor.clean() == 0
    assert (tmp_path / "precious").exists()


def test_a_file_that_is_gone_is_made_anew(media: redis.Redis, tmp_path: Path) -> None:
    files = Files(media, NS, tmp_path)
    files.rendition(URL, 360, 10, of(10)).unlink()
    assert files.rendition(URL, 360, 10, of(10)).exists()
    assert files.rendition(URL, 360, 10, never).exists()


def test_an_invalidated_encode_stops_and_leaves_no_file(media: redis.Redis, tmp_path: Path) -> None:
    files, attempts = Files(media, NS, tmp_path), list[Path]()

    def write(path: Path, beat: Beat) -> None:
        attempts.append(path)
        path.write_bytes(b"half")
        if len(attempts) == 1:
            media.execute_command("CACHE.INVALIDATE", "NAMESPACE", NS)
            with pytest.raises(LeaseLost):
                beat()
            raise LeaseLost

    path = files.rendition(URL, 360, 10, write)
    assert path == attempts[1] and list(tmp_path.iterdir()) == [path]


def test_a_fenced_fill_leaves_no_file(media: redis.Redis, tmp_path: Path) -> None:
    files, attempts = Files(media, NS, tmp_path), list[Path]()

    def write(path: Path, beat: Beat) -> None:
        attempts.append(path)
        path.write_bytes(b"all")
        if len(attempts) == 1:
            media.execute_command("CACHE.INVALIDATE", "NAMESPACE", NS)

    path = files.rendition(URL, 360, 10, write)
    assert path == attempts[1] and list(tmp_path.iterdir()) == [path]


def test_a_failed_encode_leaves_no_file(media: redis.Redis, tmp_path: Path) -> None:
    def fail(path: Path, beat: Beat) -> None:
        path.write_bytes(b"half")
        raise OSError("no codec")

    with pytest.raises(OSError, match="no codec"):
        Files(media, NS, tmp_path).rendition(URL, 360, 10, fail)
    assert list(tmp_path.iterdir()) == []


def test_orphans_are_swept_and_nothing_else(media: redis.Redis, tmp_path: Path) -> None:
    files, janitor = Files(media, NS, tmp_path), Janitor(media, NS, tmp_path, "one")
    kept, lost = [files.rendition(URL, height, 10, of(10)) for height in (360, 720)]
    fresh = tmp_path / f"rendition.{'0' * 64}.being-written"
    fresh.touch()
    media.unlink(media.execute_command("CACHE.RESULT", "KEY", NS, "rendition", json.dumps({"url": URL, "height": 720})))
    for path in (kept, lost):
        os.utime(path, (0, 0))
    assert janitor.sweep_orphans() == 1
    assert kept.exists() and fresh.exists() and not lost.exists()


def test_upload_goes_on_where_it_stopped(media: redis.Redis) -> None:
    upload, sent = Upload(media, NS, "u1"), list[str]()

    def send(file: str) -> str:
        sent.append(file)
        if sent == ["a", "b"]:
            raise OSError("reset by peer")
        return f"etag-{file}"

    with pytest.raises(OSError):
        upload.run(["a", "b", "c"], send)
    assert upload.state()["status"] == "failed"
    assert Upload(media, NS, "u1").run(["a", "b", "c"], send) == {
        "status": "completed",
        "attempts": 2,
        "files": {"a": "etag-a", "b": "etag-b", "c": "etag-c"},
        "errors": [{"file": "b", "error": "reset by peer"}],
    }
    assert sent == ["a", "b", "b", "c"]


def test_uploads_by_several_lose_nothing(media: redis.Redis) -> None:
    start = threading.Barrier(8)

    def run(number: int) -> Any:
        start.wait()
        return Upload(media, NS, "u1").run([f"{number}-{part}" for part in range(10)], lambda file: file)

    with ThreadPoolExecutor(8) as callers:
        list(callers.map(run, range(8)))
    state = Upload(media, NS, "u1").state()
    assert len(state["files"]) == 80 and state["attempts"] == 8
