/**
 * From keys of your own (`result:<operation>:<sha256 of JSON.stringify(params)>`) to the module, without a cold start.
 *
 * Use it while the old results are worth keeping. It has the interface of cached(): where the module has nothing, the old key
 * is asked before the function is called, and what is found there moves over with the time it had left. Steps:
 *
 * 1. Deploy `invalidateBoth` wherever results are invalidated. From then on no old result outlives its invalidation.
 * 2. Deploy `migrating(...)` in place of the old read. The old keys are only read from now on, and expire by themselves.
 * 3. Once the longest TTL is over, use `cacheOver` alone, and delete this file.
 *
 * All at once is not possible: old keys hold a hash, and the new name of a result needs the params.
 */
import { createHash } from "node:crypto";
import type { Redis } from "ioredis";
import type { Cached } from "./cached.ts";

/** As the old code made it. Here is the place for what yours does differently. */
export function oldKey(operation: string, params: unknown): string {
  return `result:${operation}:${createHash("sha256").update(JSON.stringify(params)).digest("hex")}`;
}

/** `old` may be another server than the module's. */
export function migrating(cached: Cached, redis: Redis, old: Redis = redis): Cached {
  return (namespace, operation, params, compute) =>
    cached(namespace, operation, params, async (job) => {
      const found = await moveOver(redis, old, namespace, operation, params).catch(() => undefined);
      return found === undefined ? compute(job) : JSON.parse(found);
    });
}

/** The old result, which the module has from now on too. */
async function moveOver(redis: Redis, old: Redis, namespace: string, operation: string, params: unknown): Promise<string | undefined> {
  // Before the old key is read: what is invalidated after this is not stored by SET.
  const stamp = (await redis.call("CACHE.CLOCK", namespace)) as string;
  const key = oldKey(operation, params);
  const [[, value] = [], [, left] = []] = (await old.multi().get(key).pttl(key).exec()) ?? [];
  if (typeof value !== "string" || typeof left !== "number") return undefined;
  const expiry = left > 0 ? ["PX", left] : ["PERSIST"]; // -1: it had no end
  // This SET overtakes the lease under which we are: whoever waits has the value at once, and the FILL that follows is FENCED.
  const reply = await redis.call("CACHE.RESULT", "SET", namespace, operation, JSON.stringify(params), value, ...expiry, "NX", "SINCE", stamp);
  return reply === "FENCED" ? undefined : value;
}

/** The old key first: what somebody has read from it just before is then fenced by the second. */
export async function invalidateBoth(redis: Redis, namespace: string, operation: string, params: unknown, old: Redis = redis): Promise<void> {
  await old.del(oldKey(operation, params));
  await redis.call("CACHE.RESULT", "INVALIDATE", namespace, operation, JSON.stringify(params));
}
