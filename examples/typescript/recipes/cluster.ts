/**
 * The cache in a cluster: how commands find their node, how rules get to all of them, and how namespaces are chosen.
 *
 * A namespace lies in one slot with all its entries, so a namespace is what must fit one node, and what is invalidated in
 * one step. One for the whole service would keep one node busy and the others idle. Take what you would drop together (a
 * project, a tenant); where that is still too much for one node, split it by what is never invalidated together: `shardOf`.
 *
 * cached() works as it is over `overIoredisCluster` and `overNodeRedisCluster` of clients.ts. What they do about keys:
 * - ioredis knows the keys of core's commands only. It would send CACHE.RESULT to any node and follow MOVED: right, but two
 *   round trips. `KeyedCommand` there says the key.
 * - node-redis is told the key with each call: sendCommand(namespace, isReadonly, command).
 */
import { createHash } from "node:crypto";
import type { Cluster } from "ioredis";
import type { RedisClusterType } from "redis";

/**
 * The shard of a namespace for a part of its data: `tenant:7/3`. The same part is always in the same shard, and what
 * belongs to one part is still invalidated in one step. The number of shards is a part of the names: change it, and all of it
 * is computed anew.
 */
export function shardOf(namespace: string, part: string, shards: number): string {
  const digest = createHash("sha256").update(part).digest();
  return `${namespace}/${digest.readUInt32BE(0) % shards}`;
}

/** What concerns all of a split namespace is done in each of its shards, one after the other. */
export function shardsOf(namespace: string, shards: number): string[] {
  return Array.from({ length: shards }, (_, shard) => `${namespace}/${shard}`);
}

export type AdministratorCluster = Pick<Cluster, "nodes"> | Pick<RedisClusterType, "masters" | "nodeClient">;

/**
 * Sends a command to every primary: rules (CACHE.POLICY SET and DEL), as functions are, and CACHE.STATS, of which each node
 * has its own. A node that joins later has no rules: run this again after `add-node`.
 */
export async function onEveryPrimary(cluster: AdministratorCluster, [name = "", ...args]: readonly string[]): Promise<unknown[]> {
  if ("masters" in cluster) {
    return Promise.all(cluster.masters.map(async (node) => (await cluster.nodeClient(node)).sendCommand([name, ...args])));
  }
  return Promise.all(cluster.nodes("master").map((node) => node.call(name, ...args)));
}
