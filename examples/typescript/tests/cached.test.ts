import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type CachedOptions, ComputationFailed, cacheOver } from "../recipes/cached.ts";
import { canonical } from "../recipes/canonical.ts";
import type { CacheClient } from "../recipes/clients.ts";
import { CLIENTS } from "./support/clients.ts";
import { gate, TestServer, until } from "./support/server.ts";

for (const [name, connect] of CLIENTS) {
  describe(`cached() over ${name}`, () => {
    let server: TestServer;
    const clients: CacheClient[] = [];
    const stats = async (ns: string) => pairs(await server.admin.call("CACHE.STATS", ns));
    const info = async (ns: string, params: unknown) =>
      pairs(await server.admin.call("CACHE.RESULT", "INFO", ns, "square", JSON.stringify(params)));

    /** Another process, as far as the server can tell. */
    async function worker(options: Partial<CachedOptions> = {}) {
      const client = await connect(server.port);
      clients.push(client);
      return cacheOver(client, options);
    }

    before(async () => void (server = await TestServer.start()));
    after(async () => {
      await Promise.all(clients.map((client) => client.close()));
      await server.stop();
    });

    test("computes once, and finds it from then on in any spelling", async () => {
      const cached = await worker();
      let computed = 0;
      const square = async () => ({ n: 49, computed: ++computed });
      assert.deepEqual(await cached("once", "square", { n: 7, of: "x" }, square), { n: 49, computed: 1 });
      assert.deepEqual(await cached("once", "square", { of: "x", n: 7 }, square), { n: 49, computed: 1 });
      assert.equal((await stats("once"))["hits"], 1);
    });

    test("all who ask meanwhile wait for one, in this process and in others", async () => {
      const workers = await Promise.all([worker(), worker(), worker()]);
      const started = gate();
      const finish = gate();
      let computed = 0;
      const square = async () => {
        computed += 1;
        started.open();
        await finish.promise;
        return computed;
      };
      const answers = [workers[0]!("herd", "square", 1, square)];
      await started.promise;
      for (const cached of [...workers, ...workers]) answers.push(cached("herd", "square", 1, square));
      await until("the other two to wait", async () => (await stats("herd"))["waiters"] === 2);
      finish.open();
      assert.deepEqual(await Promise.all(answers), Array(7).fill(1));
      assert.equal((await stats("herd"))["coalesced"], 2);
    });

    test("a heartbeat keeps the lease of who takes long, and tells progress", async () => {
      const [slow, other] = [await worker({ leaseMs: 90 }), await worker({ leaseMs: 90 })];
      const finish = gate();
      const first = slow("beat", "square", 2, async (job) => {
        job.progress({ percent: 50 });
        await finish.promise;
        return "slow";
      });
      await until("progress", async () => (await info("beat", 2))["progress"] === '{"percent":50}');
      const second = other("beat", "square", 2, async () => "a second computation");
      await until("six renewals", async () => Number((await stats("beat"))["leases_renewed"]) >= 6);
      finish.open();
      assert.deepEqual(await Promise.all([first, second]), ["slow", "slow"]);
    });

    test("a failure reaches all who wait, and the next call computes again", async () => {
      const [one, two] = [await worker(), await worker()];
      const started = gate();
      const fail = gate();
      const first = one("fail", "square", 3, async () => {
        started.open();
        await fail.promise;
        throw new RangeError("no GPU is free");
      });
      await started.promise;
      const second = two("fail", "square", 3, async () => "not reached");
      await until("the second to wait", async () => (await stats("fail"))["waiters"] === 1);
      const told = new ComputationFailed("RangeError: no GPU is free");
      const both = [assert.rejects(first, RangeError), assert.rejects(second, told)];
      fail.open();
      await Promise.all(both);
      assert.equal(await two("fail", "square", 3, async () => "again"), "again");
    });

    test("a stale value is served at once while one caller refreshes it in the background", async () => {
      await server.admin.call("CACHE.RESULT", "SET", "stale", "square", "4", '"old"', "PX", "1", "GRACE", "60000");
      await until("staleness", async () => (await info("stale", 4))["state"] === "stale");
      const [one, two] = [await worker(), await worker()];
      const finish = gate();
      let computed = 0;
      const square = async () => {
        computed += 1;
        await finish.promise;
        return "new";
      };
      assert.equal(await one("stale", "square", 4, square), "old");
      assert.equal(await two("stale", "square", 4, square), "old");
      finish.open();
      await until("the refresh", async () => (await two("stale", "square", 4, square)) === "new");
      assert.equal(computed, 1);
    });

    test("what was invalidated while it was computed is not stored, and given to nobody who asked later", async () => {
      const cached = await worker();
      let source = "old";
      const started = gate();
      const finish = gate();
      const first = cached("fenced", "square", 5, async () => {
        const read = source;
        started.open();
        await finish.promise;
        return read;
      });
      await started.promise;
      source = "new";
      await server.admin.call("CACHE.RESULT", "INVALIDATE", "fenced", "square", "5");
      const second = cached("fenced", "square", 5, async () => source);
      finish.open();
      assert.deepEqual(await Promise.all([first, second]), ["old", "new"]);
      assert.equal(await cached("fenced", "square", 5, async () => "third"), "new");
      assert.equal((await stats("fenced"))["fenced"], 1);
    });

    test("a lost heartbeat costs the storing, not the result", async () => {
      const [cached, other] = [await worker({ leaseMs: 90 }), await worker()];
      const overtaken = gate();
      const first = cached("lost", "square", 6, async () => {
        await overtaken.promise;
        return "mine";
      });
      await until("a heartbeat", async () => Number((await stats("lost"))["leases_renewed"]) >= 1);
      await server.admin.call("CACHE.RESULT", "SET", "lost", "square", "6", '"theirs"');
      overtaken.open();
      assert.equal(await first, "mine");
      assert.equal(await other("lost", "square", 6, async () => "third"), "theirs");
    });

    test("a FETCH whose answer was lost is sent again, and given the same lease", async () => {
      const client = await connect(server.port);
      clients.push(client);
      let lost = 0;
      const lossy: CacheClient = {
        ...client,
        async send(ns, command) {
          const reply = await client.send(ns, command);
          if (command[1] !== "FETCH" || lost++ > 0) return reply;
          return connect(server.port, { commandMs: 1 }).then(async (slow) => {
            clients.push(slow);
            await server.admin.call("CLIENT", "PAUSE", "50");
            return slow.send(ns, ["PING"]); // rejects as Unanswered
          });
        },
      };
      assert.equal(await cacheOver(lossy)("retry", "square", 8, async () => "kept"), "kept");
      assert.equal(lost, 2);
      assert.equal(await server.admin.call("CACHE.RESULT", "GET", "retry", "square", "8"), '"kept"');
    });

    test("a result that the server does not take keeps nobody waiting", async () => {
      const [one, two] = [await worker(), await worker()];
      await server.admin.config("SET", "cache.result-max-bytes", "1kb");
      const started = gate();
      const finish = gate();
      const first = one("big", "square", 1, async () => (started.open(), await finish.promise, "1".repeat(2000)));
      await started.promise;
      const second = two("big", "square", 1, async () => "2".repeat(2000));
      await until("the second to wait", async () => (await stats("big"))["waiters"] === 1);
      finish.open();
      assert.deepEqual(await Promise.all([first, second]), ["1".repeat(2000), "2".repeat(2000)]);
      await server.admin.config("SET", "cache.result-max-bytes", "64mb");
    });

    test("after waitMs the function is called here too", async () => {
      const [one, two] = [await worker(), await worker({ waitMs: 50 })];
      const finish = gate();
      const first = one("patience", "square", 9, async () => (await finish.promise, "first"));
      await until("the lease", async () => (await stats("patience"))["leases"] === 1);
      assert.equal(await two("patience", "square", 9, async () => "second"), "second");
      finish.open();
      assert.equal(await first, "first");
    });

    test("waiting calls beyond the connections queue, and hold up no other command", async () => {
      const narrow = await connect(server.port, { waiting: 1 });
      clients.push(narrow);
      const cached = cacheOver(narrow);
      for (const n of [10, 11]) await server.admin.call("CACHE.RESULT", "FETCH", "narrow", "square", `${n}`);
      const both = [10, 11].map((n) => cached("narrow", "square", n, async () => "not reached"));
      await until("one to wait", async () => (await stats("narrow"))["waiters"] === 1);
      assert.equal(await cached("narrow", "square", 12, async () => "meanwhile"), "meanwhile");
      for (const n of [10, 11]) await server.admin.call("CACHE.RESULT", "SET", "narrow", "square", `${n}`, `${n}`);
      assert.deepEqual(await Promise.all(both), [10, 11]);
    });

    test("params with integers beyond 2^53 are told apart", async () => {
      const cached = await worker({ spell: canonical });
      assert.equal(await cached("big", "square", { id: 9007199254740993n }, async () => "odd"), "odd");
      assert.equal(await cached("big", "square", { id: 9007199254740992n }, async () => "even"), "even");
    });
  });
}

function pairs(reply: unknown): Record<string, unknown> {
  const flat = reply as unknown[];
  return Object.fromEntries(flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1]]] : [])));
}
