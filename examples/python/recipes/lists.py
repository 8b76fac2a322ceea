"""Lists, statistics and presigned URLs: one table says how long each is kept, and tags say what a change concerns.

Use it in front of a database whose answers may be a little old, except to the one who has just changed something. No URL
arrives expired: EXPIRESFROM reads in the result itself when it ends, and it is gone from the cache before that.
"""

from typing import Any, Protocol

import redis

from .cached import ResultCache

# Set once, with each deploy; the server keeps it, and every program obeys it. Tags are drawn from params.
POLICIES = {
    "video:list": {"TTL": "60s", "TAGS": "videos-of:{params/user}"},
    "video:stats": {"TTL": "30s", "GRACE": "5m", "TAGS": "video:{params/id}"},  # Shown stale while they are counted anew.
    "video:url": {"TTL": "1h", "EXPIRESFROM": "/expires 60s", "TAGS": "video:{params/id}"},  # Good for a minute at least.
}


def set_policies(client: redis.Redis, namespaces: str = "site:*") -> None:
    for operation, fields in POLICIES.items():
        client.execute_command(
            "CACHE.POLICY", "SET", namespaces, operation, *(part for field in fields.items() for part in field)
        )


class Database(Protocol):
    def videos_of(self, user: str) -> list[dict[str, Any]]: ...
    def stats_of(self, video: int) -> dict[str, Any]: ...
    def path_of(self, video: int) -> str: ...
    def rename(self, video: int, title: str) -> str: ...
    def delete(self, video: int) -> str: ...


class Signer(Protocol):
    def sign(self, path: str) -> tuple[str, int]:
        """A URL, and when it ends, in Unix seconds: of S3, `generate_presigned_url` and now + ExpiresIn."""


class Videos:
    def __init__(self, cache: ResultCache, client: redis.Redis, namespace: str, database: Database, signer: Signer) -> None:
        self._cache = cache
        self._redis = client
        self._namespace = namespace
        self._database = database
        self._signer = signer

    def list(self, user: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._cache.cached(
            "video:list", {"user": user}, lambda: self._database.videos_of(user)
        )
        return found

    def stats(self, video: int) -> dict[str, Any]:
        found: dict[str, Any] = self._cache.cached("video:stats", {"id": video}, lambda: self._database.stats_of(video))
        return found

    def url(self, video: int) -> str:
        def sign() -> dict[str, Any]:
            url, expires = self._signer.sign(self._database.path_of(video))
            return {"url": url, "expires": expires}

        found: str = self._cache.cached("video:url", {"id": video}, sign)["url"]
        return found

    def rename(self, video: int, title: str) -> None:
        user = self._database.rename(video, title)
        self._changed(f"videos-of:{user}")

    def delete(self, video: int) -> None:
        user = self._database.delete(video)
        self._changed(f"videos-of:{user}", f"video:{video}")

    def _changed(self, *tags: str) -> None:
        # After the change, never before: what is being computed from the old state is then refused when it is done.
        self._redis.execute_command("CACHE.INVALIDATE", "TAG", self._namespace, *tags)
