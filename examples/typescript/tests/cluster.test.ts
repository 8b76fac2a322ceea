import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { Cluster, type Redis } from "ioredis";
import { createCluster, type RedisClusterType } from "redis";
import { type Cached, cacheOver } from "../recipes/cached.ts";
import { type CacheClient, IOREDIS, NODE_REDIS, overIoredisCluster, overNodeRedisCluster } from "../recipes/clients.ts";
import { type AdministratorCluster, onEveryPrimary, shardOf, shardsOf } from "../recipes/cluster.ts";
import { gate, TestServer, until } from "./support/server.ts";

describe("a cluster of three nodes", () => {
  const nodes: TestServer[] = [];
  const closing: (() => unknown)[] = [];
  /** Namespaces enough to be on all three. */
  const namespaces = Array.from({ length: 12 }, (_, at) => `tenant:${at}`);
  const everywhere = <T>(ask: (admin: Redis) => Promise<T>) => Promise.all(nodes.map(({ admin }) => ask(admin)));
  const redirected = async () =>
    (await everywhere((admin) => admin.info("errorstats"))).reduce((sum, info) => sum + Number(/errorstat_MOVED:count=(\d+)/.exec(info)?.[1] ?? 0), 0);

  async function ioredis(): Promise<[CacheClient, AdministratorCluster]> {
    const { retryStrategy: _, maxRetriesPerRequest, connectTimeout } = IOREDIS;
    const cluster = new Cluster(nodes.map(({ port }) => ({ host: "127.0.0.1", port })), { lazyConnect: true, redisOptions: { maxRetriesPerRequest, connectTimeout } });
    cluster.on("error", () => {});
    await cluster.connect();
    const client = overIoredisCluster(cluster);
    closing.push(() => client.close());
    return [client, cluster];
  }

  async function nodeRedis(): Promise<[CacheClient, AdministratorCluster]> {
    const cluster = createCluster({ rootNodes: nodes.map(({ port }) => ({ socket: { host: "127.0.0.1", port } })), defaults: NODE_REDIS, minimizeConnections: true });
    cluster.on("error", () => {});
    await cluster.connect();
    const client = overNodeRedisCluster(cluster as unknown as RedisClusterType);
    closing.push(() => client.close());
    return [client, cluster as unknown as AdministratorCluster];
  }

  before(async () => {
    for (let at = 0; at < 3; at += 1) {
      nodes.push(await TestServer.start({ settings: ["--cluster-enabled", "yes", "--cluster-node-timeout", "5000"] }));
    }
    const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
    await promisify(execFile)("redis-cli", ["--cluster", "create", ...addresses, "--cluster-replicas", "0", "--cluster-yes"]);
    await until("all nodes to agree", async () => (await everywhere((admin) => admin.cluster("INFO"))).every((info) => /cluster_state:ok/.test(info)), 30_000);
  });
  after(async () => {
    await Promise.all(closing.map((close) => close()));
    await Promise.all(nodes.map((node) => node.stop()));
  });

  for (const [name, connect] of [["ioredis", ioredis], ["node-redis", nodeRedis]] as const) {
    test(`cached() over ${name} finds the node of each namespace at once`, async () => {
      const [client] = await connect();
      const cached = cacheOver(client, { onTrouble: (error) => assert.fail(error as Error) });
      const before = await redirected();
      for (const namespace of namespaces) {
        assert.equal(await cached(namespace, name, { id: 1 }, async () => namespace), namespace);
        assert.equal(await cached(namespace, name, { id: 1 }, async () => "computed again"), namespace);
      }
      assert.equal(await redirected(), before);
      const used = await everywhere((admin) => admin.dbsize());
      assert.ok(used.every((keys) => keys > 0), `entries by node: ${used.join(", ")}`);
    });

    test(`calls wait on the right node over ${name}`, async () => {
      const workers: Cached[] = [];
      for (const _ of [1, 2]) workers.push(cacheOver((await connect())[0]));
      for (const namespace of namespaces.slice(0, 4)) {
        const started = gate();
        const finish = gate();
        const first = workers[0]!(namespace, name, "wait", async () => (started.open(), await finish.promise, "first"));
        await started.promise;
        const second = workers[1]!(namespace, name, "wait", async () => "second");
        await until("it to wait", async () => {
          const figures = await everywhere((admin) => admin.call("CACHE.STATS") as Promise<unknown[]>);
          return figures.some((flat) => flat[flat.indexOf("waiters") + 1] === 1);
        });
        finish.open();
        assert.deepEqual(await Promise.all([first, second]), ["first", "first"]);
      }
    });

    test(`rules set over ${name} hold on every primary`, async () => {
      const [client, cluster] = await connect();
      assert.deepEqual(await onEveryPrimary(cluster, ["CACHE.POLICY", "SET", "tenant:*", `of-${name}`, "TTL", "42s"]), ["OK", "OK", "OK"]);
      for (const namespace of namespaces) {
        const rules = (await client.send(namespace, ["CACHE.POLICY", "EXPLAIN", namespace, `of-${name}`])) as string[][];
        assert.deepEqual(rules.find(([field]) => field === "TTL"), ["TTL", "42s", "tenant:*", `of-${name}`]);
      }
      assert.deepEqual(await onEveryPrimary(cluster, ["CACHE.POLICY", "DEL", "tenant:*", `of-${name}`]), [1, 1, 1]);
    });
  }

  test("ioredis by itself gets there too, by way of MOVED", async () => {
    const cluster = new Cluster(nodes.map(({ port }) => ({ host: "127.0.0.1", port })));
    closing.push(() => cluster.disconnect());
    const before = await redirected();
    for (let at = 0; at < 20; at += 1) assert.equal(await cluster.call("CACHE.RESULT", "SET", `moved:${at}`, "work", "1", "1"), "OK");
    assert.ok((await redirected()) > before);
  });

  test("a namespace that is too large for one node is split by what belongs together", async () => {
    const [client] = await ioredis();
    const parts = Array.from({ length: 200 }, (_, at) => `video:${at}`);
    for (const part of parts) {
      const reply = await client.send(shardOf("big", part, 6), ["CACHE.RESULT", "SET", shardOf("big", part, 6), "stats", JSON.stringify(part), "1", "TAGS", "1", part]);
      assert.equal(reply, "OK");
    }
    const held = await Promise.all(shardsOf("big", 6).map(async (shard) => {
      const flat = (await client.send(shard, ["CACHE.STATS", shard])) as unknown[];
      return Number(flat[flat.indexOf("entries") + 1]);
    }));
    assert.equal(held.reduce((sum, entries) => sum + entries), 200);
    assert.ok(held.every((entries) => entries > 10), `entries by shard: ${held.join(", ")}`);
    // One part in one step, all of them in six.
    const shard = shardOf("big", "video:7", 6);
    await client.send(shard, ["CACHE.INVALIDATE", "TAG", shard, "video:7"]);
    assert.equal(await client.send(shard, ["CACHE.RESULT", "EXISTS", shard, "stats", '"video:7"']), 0);
    for (const each of shardsOf("big", 6)) await client.send(each, ["CACHE.INVALIDATE", "NAMESPACE", each]);
    for (const part of parts) {
      const each = shardOf("big", part, 6);
      assert.equal(await client.send(each, ["CACHE.RESULT", "EXISTS", each, "stats", JSON.stringify(part)]), 0);
    }
  });
});
