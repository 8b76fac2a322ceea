import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Stats, statsApi } from "../recipes/stats.ts";
import { TestServer } from "./support/server.ts";

let server: TestServer;
before(async () => void (server = await TestServer.start()));
after(() => server.stop());

test("the stats endpoint counts what was asked, in both shapes", async () => {
  const api = statsApi(server.admin, "shop");
  const read = async (query = "") => (await (await api.request(`/cache/stats${query}`)).json()) as Stats & { operations: Record<string, Stats> };
  assert.deepEqual(await read(), { hits: 0, misses: 0, hitRate: 0, size: 0, bytes: 0, sets: 0, invalidations: 0, evictions: 0, errors: 0,
    timeSavedMs: 0, health: "idle", operations: {} });

  const result = (...command: string[]) => server.admin.call("CACHE.RESULT", ...command as [string]);
  await result("GET", "shop", "price", "1"); // a miss
  await result("SET", "shop", "price", "1", "9.99", "TOOK", "1500");
  await result("GET", "shop", "price", "1");
  await result("FETCH", "shop", "price", "1");
  await result("SET", "shop", "stock", "1", "3", "PX", "1", "GRACE", "60000");
  for (;;) if (((await result("FETCH", "shop", "stock", "1")) as string[])[0] === "STALE") break;
  await result("INVALIDATE", "shop", "price", "1");
  await assert.rejects(result("GET", "shop", "price", "{"));

  const { operations, ...all } = await read();
  assert.equal(all.misses, 1);
  assert.ok(all.hits >= 3);
  assert.equal(all.hitRate, Math.round((all.hits / (all.hits + 1)) * 10_000) / 10_000);
  assert.deepEqual([all.sets, all.invalidations, all.errors, all.timeSavedMs], [2, 1, 1, 3000]);
  assert.deepEqual(Object.keys(operations).sort(), ["price", "stock"]);
  const { hits, misses, hitRate, size } = operations["price"]!;
  assert.deepEqual({ hits, misses, hitRate, size }, { hits: 2, misses: 1, hitRate: 0.6667, size: 0 });
  assert.deepEqual(await read("?shape=snake"), { hits: all.hits, misses: 1, errors: 1, invalidations: 1, hit_rate: all.hitRate, total_requests: all.hits + 1 });

  assert.equal((await api.request("/cache/stats", { method: "DELETE" })).status, 204);
  assert.equal((await read()).hits, 0);
});
