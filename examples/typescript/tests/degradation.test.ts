import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { type Cached, cacheOver } from "../recipes/cached.ts";
import type { CacheClient } from "../recipes/clients.ts";
import { breaking } from "../recipes/degradation.ts";
import { CLIENTS } from "./support/clients.ts";
import { gate, TestServer, until } from "./support/server.ts";

for (const [name, connect] of CLIENTS) {
  describe(`without its cache, over ${name}`, () => {
    const servers: TestServer[] = [];
    let client: CacheClient;
    let cached: Cached;
    let troubles: string[];
    let changes: string[];
    let computed: number;
    /** A result that says how often it was computed. */
    const work = async () => ({ computed: ++computed });
    const ask = (n: number) => cached("app", "work", { n }, work);

    async function use(...options: Parameters<typeof TestServer.start>): Promise<TestServer> {
      const server = await TestServer.start(...options);
      servers.push(server);
      client = await connect(server.port, { commandMs: 100, marginMs: 100 });
      const guarded = breaking(client, { pauseMs: 200, onChange: (reason) => changes.push(reason?.message ?? "back") });
      cached = cacheOver(guarded, { onTrouble: (error) => troubles.push((error as Error).message) });
      return server;
    }

    beforeEach(() => void ([troubles, changes, computed] = [[], [], 0]));
    afterEach(async () => {
      await client.close();
      await Promise.all(servers.splice(0).map((server) => server.stop()));
    });

    test("the server is killed in mid-run, and comes back", async () => {
      const server = await use();
      assert.deepEqual(await ask(1), { computed: 1 });
      assert.deepEqual(await ask(1), { computed: 1 });
      // Killed while a computation is under way: its result is not lost.
      const finish = gate();
      const underWay = cached("app", "work", "slow", async () => (await finish.promise, "slow"));
      await until("the lease", async () => (await leases(server)) === 2);
      await server.kill();
      finish.open();
      assert.equal(await underWay, "slow");
      assert.deepEqual(await ask(1), { computed: 2 });
      assert.ok(troubles.length > 0);
      await server.start();
      await until("the cache to be of use again", async () => (await ask(2)).computed === (await ask(2)).computed);
      assert.equal(changes.at(-1), "back");
    });

    test("the server is killed while calls wait for another's result", async () => {
      const server = await use();
      await server.admin.call("CACHE.RESULT", "FETCH", "app", "work", '{"n":1}', "LEASE", "600000");
      const waiting = [ask(1), ask(1)];
      await until("one to wait", async () => (await waiters(server)) === 1);
      await server.kill();
      assert.deepEqual(await Promise.all(waiting), [{ computed: 1 }, { computed: 1 }]);
    });

    test("the server hangs: one call pays for that, the others do not", async () => {
      const server = await use();
      assert.deepEqual(await ask(1), { computed: 1 });
      server.pause();
      assert.deepEqual(await ask(1), { computed: 2 });
      const begun = performance.now();
      for (let n = 0; n < 50; n += 1) assert.deepEqual(await ask(1), { computed: n + 3 });
      // Fifty deadlines would be five seconds. Some calls may be the ones that try whether it is back.
      assert.ok(performance.now() - begun < 1_500, `fifty calls took ${performance.now() - begun} ms`);
      assert.match(changes[0] ?? "", /no answer within 100 ms/);
      server.resume();
      await until("the cache to be of use again", async () => (await ask(1)).computed === 1);
      assert.equal(changes.at(-1), "back");
    });

    test("the module is not loaded", async () => {
      const server = await use({ module: false });
      assert.deepEqual([await ask(1), await ask(1)], [{ computed: 1 }, { computed: 2 }]);
      assert.match(changes[0] ?? "", /^ERR unknown command/);
      assert.equal(await server.admin.dbsize(), 0);
    });

    test("memory is full: hits are served, and everybody else gets what was computed", async () => {
      const server = await use();
      assert.deepEqual(await ask(1), { computed: 1 });
      await server.admin.config("SET", "maxmemory", "1");
      assert.deepEqual(await ask(1), { computed: 1 });
      // One computes, the other waits, and neither can be served from the cache.
      const other = await connect(server.port);
      const elsewhere = cacheOver(other, { waitMs: 10_000 });
      const finish = gate();
      const first = cached("app", "work", { n: 2 }, async () => (await finish.promise, "first"));
      await until("the lease", async () => (await leases(server)) === 2);
      const second = elsewhere("app", "work", { n: 2 }, async () => "second");
      await until("the other to wait", async () => (await waiters(server)) === 1);
      finish.open();
      assert.deepEqual(await Promise.all([first, second]), ["first", "second"]);
      assert.match(troubles.join("\n"), /^OOM/m);
      assert.deepEqual(changes, []);
      await other.close();
    });

    test("a replica serves what it has", async () => {
      const primary = await TestServer.start({ settings: ["--repl-diskless-sync-delay", "0"] });
      servers.push(primary);
      const replica = await use();
      await primary.admin.call("CACHE.RESULT", "SET", "app", "work", '{"n":1}', '{"computed":0}');
      await replica.admin.call("REPLICAOF", "127.0.0.1", `${primary.port}`);
      await until("the replica", async () => (await ask(1)).computed === 0);
      const before = computed;
      assert.deepEqual(await ask(2), { computed: before + 1 });
      assert.deepEqual(await ask(2), { computed: before + 2 });
      assert.match(troubles.at(-1) ?? "", /^READONLY/);
    });

    test("the cache is switched off", async () => {
      const server = await use();
      assert.deepEqual(await ask(1), { computed: 1 });
      await server.admin.config("SET", "cache.enabled", "no");
      assert.deepEqual([await ask(1), await ask(1)], [{ computed: 2 }, { computed: 3 }]);
      await server.admin.config("SET", "cache.enabled", "yes");
      assert.deepEqual(await ask(1), { computed: 1 });
      assert.deepEqual([troubles, changes], [[], []]);
    });
  });
}

const figure = async (server: TestServer, name: string) => {
  const flat = (await server.admin.call("CACHE.STATS", "app")) as unknown[];
  return flat[flat.indexOf(name) + 1];
};
const leases = (server: TestServer) => figure(server, "leases");
const waiters = (server: TestServer) => figure(server, "waiters");
