import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Redis } from "ioredis";
import { type Cached, cacheOver } from "../recipes/cached.ts";
import { overIoredis } from "../recipes/clients.ts";
import { type Database, RULES, setRules, Site, type SignedUrl } from "../recipes/site.ts";
import { TestServer, until } from "./support/server.ts";

describe("lists, statistics and presigned URLs", () => {
  let server: TestServer;
  let redis: Redis;
  let cached: Cached;
  let troubles: string[] = [];
  const seconds = () => Date.now() / 1000;

  function fakeDatabase() {
    const reads = { list: 0, stats: 0 };
    const titles = new Map([[1, "one"], [2, "two"]]);
    const database: Database = {
      async listVideos() {
        reads.list += 1;
        return [...titles].map(([id, title]) => ({ id, title }));
      },
      stats: async () => ({ views: ++reads.stats }),
      async rename(id, title) {
        titles.set(id, title);
        return { user: "ann" };
      },
    };
    return { reads, database };
  }
  const never = async (): Promise<SignedUrl> => Promise.reject(new Error("not to be signed"));
  const ttlOf = async (namespace: string, operation: string, params: object) =>
    server.admin.pttl((await server.admin.call("CACHE.RESULT", "KEY", namespace, operation, JSON.stringify(params))) as string);

  before(async () => {
    server = await TestServer.start();
    redis = new Redis({ port: server.port });
    cached = cacheOver(overIoredis(redis), { onTrouble: (error) => troubles.push((error as Error).message) });
    await setRules(server.admin);
  });
  after(async () => {
    redis.disconnect();
    await server.stop();
  });

  test("each operation stays as long as the table says, with its grace", async () => {
    const { database } = fakeDatabase();
    const site = new Site(cached, redis, "site:ttl", database, async () => ({ url: "https://cdn/1?sig=1", expires: seconds() + 86_400 }));
    await Promise.all([site.videos("ann", 1), site.stats(1), site.url(1)]);
    const near = (left: number, expected: number) => assert.ok(left <= expected && left > expected - 5_000, `${left} of ${expected} ms`);
    near(await ttlOf("site:ttl", "video:list", { user: "ann", page: 1 }), 360_000);
    near(await ttlOf("site:ttl", "video:stats", { id: 1 }), 150_000);
    near(await ttlOf("site:ttl", "video:url", { id: 1 }), 3_600_000);
    await setRules(server.admin); // again: nothing changes
    assert.equal(((await server.admin.call("CACHE.POLICY", "LIST")) as unknown[]).length, RULES.length);
  });

  test("a renamed video is new in all that shows it, and nothing else is read again", async () => {
    const { reads, database } = fakeDatabase();
    const site = new Site(cached, redis, "site:tags", database, never);
    const ask = () => Promise.all([site.videos("ann", 1), site.videos("ann", 2), site.videos("bob", 1), site.stats(1), site.stats(2)]);
    await ask();
    await ask();
    assert.deepEqual(reads, { list: 3, stats: 2 });
    await site.rename(1, "uno");
    const [first] = await ask();
    assert.equal(first[0]!.title, "uno");
    assert.deepEqual(reads, { list: 5, stats: 3 }); // Ann's two pages and the video's statistics
    await site.forget("bob");
    await ask();
    assert.deepEqual(reads, { list: 6, stats: 3 });
  });

  test("a list that was read before the change is not stored after it", async () => {
    const { database } = fakeDatabase();
    const listVideos = database.listVideos.bind(database);
    const site: Site = new Site(cached, redis, "site:race", {
      ...database,
      async listVideos(user, page) {
        const list = await listVideos(user, page);
        if (list[0]!.title === "one") await site.rename(1, "uno"); // in the midst of the first read
        return list;
      },
    }, never);
    await site.videos("ann", 1);
    assert.equal((await site.videos("ann", 1))[0]!.title, "uno");
  });

  test("a URL never arrives expired, nor with less than the margin", async () => {
    // Margins and signatures as in life, but in seconds: kept 2 s before their end, signed for 3 s.
    await server.admin.call("CACHE.POLICY", "SET", "site:*", "video:url", "EXPIRESFROM", "/expires 2s");
    let signed = 0;
    const site = new Site(cached, redis, "site:urls", fakeDatabase().database, async () => ({ url: `https://cdn/1?sig=${++signed}`, expires: seconds() + 3 }));
    let asked = 0;
    await until("four signatures", async () => {
      const { expires } = await site.url(1);
      asked += 1;
      assert.ok(expires - seconds() > 1.9, `only ${expires - seconds()} s were left`);
      return signed === 4;
    });
    assert.ok(asked > 20, "it was cached in between");
  });

  test("a URL that is signed for less than the margin is handed out once and not kept", async () => {
    let signed = 0;
    const site = new Site(cached, redis, "site:short", fakeDatabase().database, async () => ({ url: `https://cdn/${++signed}`, expires: seconds() + 1 }));
    assert.deepEqual([(await site.url(7)).url, (await site.url(7)).url], ["https://cdn/1", "https://cdn/2"]);
  });

  test("an end in milliseconds is a mistake that shows, and the caller has its URL all the same", async () => {
    troubles = [];
    const site = new Site(cached, redis, "site:mistake", fakeDatabase().database, async () => ({ url: "https://cdn/1", expires: Date.now() + 60_000 }));
    assert.equal((await site.url(1)).url, "https://cdn/1");
    assert.match(troubles.join(), /^ERR .*milliseconds/);
  });
});
