"""Statistics in the shape that dashboards of caches mostly expect: {"hits": ..., "misses": ..., "hitRate": ..., "size": ...}.

Use it where a page or a check reads JSON over HTTP. For Prometheus there is an exporter, and the server knows more than is
shown here. Counting is done in the server: the figures are those of all programs together, and no deploy sets them back.
"""

from datetime import UTC, datetime
from typing import Any

import redis
from fastapi import FastAPI, HTTPException


def create_app(client: redis.Redis) -> FastAPI:
    """`client` decodes responses. Keep its time-out short: who looks at a dashboard does not wait for a dead server."""
    app = FastAPI()

    def ask(*of: str) -> dict[str, Any]:
        try:
            reply = client.execute_command("CACHE.STATS", *of)
        except redis.ResponseError as error:
            if str(error).startswith("BADNAME"):
                raise HTTPException(400, str(error)) from error
            raise HTTPException(503, str(error)) from error
        except redis.RedisError as error:
            raise HTTPException(503, f"the cache does not answer: {error}") from error
        # A map in RESP3, a flat list in RESP2.
        return reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))

    @app.get("/cache/stats")
    def of_server() -> dict[str, Any]:
        return shaped(ask())

    @app.get("/cache/stats/{namespace}")
    def of_namespace(namespace: str) -> dict[str, Any]:
        figures = ask(namespace)
        operations = {name: shaped(ask(namespace, name)) for name in figures["operations"]}
        return {**shaped(figures), "operations": operations}

    return app


def shaped(figures: dict[str, Any]) -> dict[str, Any]:
    # Whoever got a result without computing it hit, be it stale, or after waiting for another to compute it.
    hits = figures["hits"] + figures["stale_hits"] + figures["coalesced"]
    misses = figures["misses"] + figures["leases"]
    return {
        "hits": hits,
        "misses": misses,
        "hitRate": hits / (hits + misses) if hits + misses else None,  # 0 to 1; nothing is known before the first lookup.
        "size": figures["entries"],
        "bytes": figures["stored_bytes"],
        "evictions": figures["evictions"],
        "errors": figures["errors"],
        "computeMs": {quantile: figures[f"compute_ms_{quantile}"] for quantile in ("p50", "p95", "p99")},
        "savedMs": figures["time_saved_ms"],
        "health": figures["health"],
        "since": datetime.fromtimestamp(figures["since"], UTC).isoformat(),
    }
