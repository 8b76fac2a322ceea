import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { Redis } from "ioredis";
import { type Cached, cacheOver } from "../recipes/cached.ts";
import { entryKey } from "../recipes/canonical.ts";
import { overIoredis } from "../recipes/clients.ts";
import { invalidateBoth, migrating, oldKey } from "../recipes/migration.ts";
import { TestServer } from "./support/server.ts";

describe("migration from keys of one's own", () => {
  let server: TestServer;
  let redis: Redis;
  let plain: Cached;
  let cached: Cached;
  let computed = 0;
  const work = async () => ({ computed: ++computed });
  const params = { id: 7, of: "x" };
  const left = () => server.admin.pttl(entryKey("app", "work", params));

  before(async () => {
    server = await TestServer.start();
    redis = new Redis({ port: server.port });
    plain = cacheOver(overIoredis(redis));
    cached = migrating(plain, redis);
  });
  beforeEach(async () => {
    await server.admin.flushall();
    computed = 0;
  });
  after(async () => {
    redis.disconnect();
    await server.stop();
  });

  test("an old result is found, and moves over with the time it had left", async () => {
    await redis.set(oldKey("work", params), '{"computed":"long ago"}', "PX", 90_000);
    assert.deepEqual(await cached("app", "work", params, work), { computed: "long ago" });
    const pttl = await left();
    assert.ok(pttl > 80_000 && pttl <= 90_000, `${pttl} ms`);
    // From now on without the old key, also for programs that have migrated.
    await redis.del(oldKey("work", params));
    assert.deepEqual(await plain("app", "work", { of: "x", id: 7 }, work), { computed: "long ago" });
    assert.equal(computed, 0);
  });

  test("one without an end stays without", async () => {
    await redis.set(oldKey("work", params), '"for ever"');
    assert.equal(await cached("app", "work", params, work), "for ever");
    assert.equal(await left(), -1);
  });

  test("what is in neither is computed once, and stored in the new place only", async () => {
    assert.deepEqual(await cached("app", "work", params, work), { computed: 1 });
    assert.deepEqual(await cached("app", "work", params, work), { computed: 1 });
    assert.equal(await redis.exists(oldKey("work", params)), 0);
  });

  test("an invalidated result does not come back from the old key", async () => {
    await redis.set(oldKey("work", params), '"old"', "PX", 90_000);
    await cached("app", "work", params, work);
    await invalidateBoth(redis, "app", "work", params);
    assert.deepEqual(await cached("app", "work", params, work), { computed: 1 });
  });

  test("nor where it is invalidated between reading the old key and storing", async () => {
    await redis.set(oldKey("work", params), '"old"', "PX", 90_000);
    const old = new Redis({ port: server.port });
    const late = migrating(plain, redis, new Proxy(old, {
      get(target, name: keyof Redis) {
        if (name !== "multi") return Reflect.get(target, name) as unknown;
        const exec = async (key: string) => {
          const read = await target.multi().get(key).pttl(key).exec();
          await invalidateBoth(server.admin, "app", "work", params);
          return read;
        };
        return () => ({ get: (key: string) => ({ pttl: () => ({ exec: () => exec(key) }) }) });
      },
    }));
    assert.deepEqual(await late("app", "work", params, work), { computed: 1 });
    assert.deepEqual(await plain("app", "work", params, work), { computed: 2 }); // nothing was stored: FENCED
    old.disconnect();
  });

  test("the old server may be another, and may be away", async () => {
    const rented = await TestServer.start({ module: false });
    const old = new Redis({ port: rented.port, maxRetriesPerRequest: 0 });
    old.on("error", () => {});
    await old.set(oldKey("work", params), '"rented"', "PX", 90_000);
    assert.equal(await migrating(plain, redis, old)("app", "work", params, work), "rented");
    await rented.stop();
    assert.deepEqual(await migrating(plain, redis, old)("app", "work", { other: 1 }, work), { computed: 1 });
    old.disconnect();
  });
});
