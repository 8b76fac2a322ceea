/** Both clients behind the small interface, connected to a test's server. */
import { Redis } from "ioredis";
import { createClient } from "redis";
import { type CacheClient, DEADLINES, type Deadlines, IOREDIS, NODE_REDIS, overIoredis, overNodeRedis } from "../../recipes/clients.ts";

export type Connect = (port: number, deadlines?: Partial<Deadlines>) => Promise<CacheClient>;

export const CLIENTS: [name: string, connect: Connect][] = [
  [
    "ioredis",
    async (port, deadlines) => {
      const redis = new Redis({ port, lazyConnect: true, ...IOREDIS });
      redis.on("error", () => {});
      await redis.connect();
      return overIoredis(redis, { ...DEADLINES, ...deadlines });
    },
  ],
  [
    "node-redis",
    async (port, deadlines) => {
      const redis = createClient({ ...NODE_REDIS, socket: { port, ...NODE_REDIS.socket } });
      redis.on("error", () => {});
      await redis.connect();
      return overNodeRedis(redis as unknown as Parameters<typeof overNodeRedis>[0], { ...DEADLINES, ...deadlines });
    },
  ],
];
