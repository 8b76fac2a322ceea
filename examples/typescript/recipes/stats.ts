/**
 * A status endpoint in the shapes that dashboards expect, from the server's own count instead of a counter in each process.
 *
 * Use it to replace `{ hits, misses, hitRate, size }` that every instance counts for itself and forgets at each deploy.
 *
 * GET /cache/stats               the namespace, with each of its operations
 * GET /cache/stats?shape=snake   { hits, misses, errors, invalidations, hit_rate, total_requests }
 * DELETE /cache/stats            begins to count anew
 */
import { Hono } from "hono";
import type { Redis } from "ioredis";

export interface Stats {
  hits: number;
  misses: number;
  /** 0 to 1; 0 where nobody asked, as dashboards have it. */
  hitRate: number;
  /** Entries in memory, and what they take. */
  size: number;
  bytes: number;
  sets: number;
  invalidations: number;
  evictions: number;
  errors: number;
  /** What it would have taken to compute all hits again. */
  timeSavedMs: number;
  health: "healthy" | "degraded" | "idle";
}

/** A hit is whatever the cache answered with a value: fresh, stale, or computed by another while this caller waited. */
export async function statsOf(redis: Redis, namespace: string, operation?: string): Promise<Stats & { operations: string[] }> {
  const flat = (await redis.call("CACHE.STATS", namespace, ...(operation === undefined ? [] : [operation]))) as unknown[];
  const all = new Map(flat.flatMap((name, at) => (at % 2 === 0 ? [[name as string, flat[at + 1]] as const] : [])));
  const count = (name: string) => Number(all.get(name) ?? 0);
  const hits = count("hits") + count("stale_hits") + count("coalesced");
  const lookups = count("lookups");
  return {
    hits,
    misses: lookups - hits,
    hitRate: lookups > 0 ? Math.round((hits / lookups) * 10_000) / 10_000 : 0,
    size: count("entries"),
    bytes: count("stored_bytes"),
    sets: count("sets") + count("fills"),
    invalidations: count("invalidations"),
    evictions: count("evictions"),
    errors: count("errors"),
    timeSavedMs: count("time_saved_ms"),
    health: all.get("health") as Stats["health"],
    operations: (all.get("operations") ?? []) as string[],
  };
}

export function statsApi(redis: Redis, namespace: string): Hono {
  const api = new Hono();

  api.get("/cache/stats", async (context) => {
    const { operations, ...stats } = await statsOf(redis, namespace);
    if (context.req.query("shape") === "snake") {
      const { hits, misses, errors, invalidations, hitRate } = stats;
      return context.json({ hits, misses, errors, invalidations, hit_rate: hitRate, total_requests: hits + misses });
    }
    const each = await Promise.all(operations.map(async (name) => {
      const { operations: _, ...figures } = await statsOf(redis, namespace, name);
      return [name, figures] as const;
    }));
    return context.json({ ...stats, operations: Object.fromEntries(each) });
  });

  api.delete("/cache/stats", async (context) => {
    await redis.call("CACHE.RESETSTATS", namespace);
    return context.body(null, 204);
  });

  return api;
}
