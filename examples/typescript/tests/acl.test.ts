import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Redis } from "ioredis";
import { setUsers } from "../recipes/acl.ts";
import { cacheOver } from "../recipes/cached.ts";
import { overIoredis } from "../recipes/clients.ts";
import { TestServer } from "./support/server.ts";

const PASSWORDS = { application: "a-secret", operations: "o-secret", janitor: "j-secret" };
const STREAM = "result:{shop:1}:removals";

/** What each user tries, with what may come of it: every line is sent. */
const MAY: Record<keyof typeof PASSWORDS, string[]> = {
  application: [
    "CACHE.RESULT SET shop:1 work 1 1", "CACHE.RESULT GET shop:1 work 1", "CACHE.RESULT FETCH shop:1 work 2", "CACHE.RESULT EXISTS shop:1 work 1",
    "CACHE.RESULT KEY shop:1 work 1", "CACHE.RESULT MERGE shop:1 state 1 {} UPSERT", "CACHE.RESULT NEXT shop:1 AFTER work 1 0", "CACHE.CLOCK shop:1",
    "CACHE.WARM shop:1 ENTRIES work 3 3", 'CACHE.PLAN shop:1 [{"operation":"work","params":1}]', "CACHE.INVALIDATE TAG shop:1 user:1",
    'CACHE.INVALIDATE PLAN shop:1 [{"operation":"work","params":3}]', "CACHE.RESULT INVALIDATE shop:1 work 1",
  ],
  operations: [
    "CACHE.POLICY SET shop:* * REMOVALS 100", "CACHE.POLICY LIST", "CACHE.POLICY EXPLAIN shop:1 work", "CACHE.STATS", "CACHE.STATS shop:1", "CACHE.RESETSTATS shop:1",
    "CACHE.RESULT INFO shop:1 work 1", "CACHE.RESULT INVALIDATE shop:1 work 1", "CACHE.INVALIDATE OPERATION shop:1 wo*", "CACHE.INVALIDATE NAMESPACE shop:1",
    "CACHE.INVALIDATE TAG other user:1", "CONFIG SET cache.enabled yes", "CONFIG GET cache.*", "INFO cache", "MODULE LIST", "CLIENT LIST", "SLOWLOG GET 1",
  ],
  janitor: [
    `XGROUP CREATE ${STREAM} janitors 0 MKSTREAM`, `XREADGROUP GROUP janitors me COUNT 1 STREAMS ${STREAM} >`, `XAUTOCLAIM ${STREAM} janitors me 0 0`,
    `XACK ${STREAM} janitors 0-1`, "CACHE.RESULT INFO shop:1 work 1", "CACHE.RESULT GET shop:1 work 1 STALE",
  ],
};
const MAY_NOT: Record<keyof typeof PASSWORDS, string[]> = {
  application: [
    "CACHE.RESULT GET other work 1", "CACHE.RESULT SET other work 1 1", "CACHE.RESULT INFO shop:1 work 1", "CACHE.POLICY SET shop:* * BYPASS yes", "CACHE.POLICY LIST",
    "CACHE.STATS", "CACHE.RESETSTATS", "CACHE.INVALIDATE NAMESPACE shop:1", "CACHE.INVALIDATE OPERATION shop:1 *", "CACHE.APPLY shop:1 x y", "DEL shop:1", "GET shop:1",
    "CONFIG SET cache.enabled no", "FLUSHALL", `DEL ${STREAM}`, "KEYS *", "RESTORE shop:1 0 x", "MULTI",
  ],
  operations: [
    "CACHE.RESULT GET shop:1 work 1", "CACHE.RESULT FETCH shop:1 work 1", "CACHE.RESULT SET shop:1 work 1 1", "CACHE.RESULT MERGE shop:1 work 1 {} UPSERT",
    "CACHE.WARM shop:1 ENTRIES work 1 1", "CACHE.APPLY shop:1 x y", "DEL shop:1", "FLUSHALL", "CONFIG REWRITE", "SHUTDOWN", "ACL LIST",
  ],
  janitor: [
    "CACHE.RESULT SET shop:1 work 1 1", "CACHE.RESULT INVALIDATE shop:1 work 1", "CACHE.RESULT INFO other work 1", "CACHE.INVALIDATE TAG shop:1 a", "CACHE.POLICY LIST",
    `XTRIM ${STREAM} MAXLEN 0`, `DEL ${STREAM}`, "XREADGROUP GROUP janitors me STREAMS elsewhere >", "DEL shop:1",
  ],
};

describe("users with the rights they need", () => {
  let server: TestServer;
  const connections = new Map<string, Redis>();
  const send = (user: string, line: string) => {
    const [name = "", ...args] = line.split(" ");
    return connections.get(user)!.call(name, ...args);
  };

  before(async () => {
    server = await TestServer.start();
    await setUsers(server.admin, "shop:*", PASSWORDS);
    await server.admin.call("CACHE.RESULT", "SET", "shop:1", "work", "1", "1");
    for (const [username, password] of Object.entries(PASSWORDS)) {
      const connection = new Redis({ port: server.port, username, password, enableReadyCheck: false });
      connection.on("error", () => {});
      connections.set(username, connection);
    }
  });
  after(async () => {
    connections.forEach((connection) => connection.disconnect());
    await server.stop();
  });

  for (const user of Object.keys(PASSWORDS) as (keyof typeof PASSWORDS)[]) {
    test(`the ${user} may do its work`, async () => {
      for (const line of MAY[user]) await assert.doesNotReject(send(user, line), line);
    });

    test(`the ${user} may do nothing else`, async () => {
      for (const line of MAY_NOT[user]) await assert.rejects(send(user, line), /NOPERM/, line);
    });
  }

  test("cached() needs no more than the application has", async () => {
    const client = overIoredis(connections.get("application")!);
    const onTrouble = (error: unknown) => assert.fail(error as Error);
    const [one, two] = [cacheOver(client, { leaseMs: 30, onTrouble }), cacheOver(client, { onTrouble })];
    const work = async () => (await new Promise((resolve) => setTimeout(resolve, 60)), "done"); // a few heartbeats long
    assert.deepEqual(await Promise.all([one("shop:2", "work", 1, work), two("shop:2", "work", 1, work)]), ["done", "done"]);
    await assert.rejects(one("shop:2", "work", 2, async () => Promise.reject(new RangeError("no"))), RangeError);
    await client.close();
  });

  test("a wrong password, or none, gets nowhere", async () => {
    const stranger = new Redis({ port: server.port, username: "application", password: "guess", retryStrategy: null, lazyConnect: true });
    stranger.on("error", () => {});
    await assert.rejects(stranger.call("CACHE.RESULT", "GET", "shop:1", "work", "1"));
    stranger.disconnect();
  });
});
