/**
 * What the recipes need of a Redis client, and both clients behind it, with every time-out and retry said out loud.
 *
 * Use it as it is, or take the half that is about your client. Two things matter. A call that waits (BLOCK) occupies
 * its connection, and everything sent behind it waits too: so it goes over a connection of its own. And neither
 * client gives up by itself on a server that hangs: so each call has a deadline here.
 */
import { type Cluster, Command, type Redis, type RedisOptions, ReplyError } from "ioredis";
import { ErrorReply, type RedisClientOptions, type RedisClusterType, type RedisClientType } from "redis";

export interface CacheClient {
  /** Sends a command that is answered at once. `namespace` is its key: clients of a cluster route by it. */
  send(namespace: string, command: readonly string[]): Promise<unknown>;
  /** Sends a command that may block for `blockMs`, over a connection that nobody else uses meanwhile. */
  wait(namespace: string, command: readonly string[], blockMs: number): Promise<unknown>;
  close(): Promise<void>;
}

/** The server answered with an error; `code` is its first word, as OOM or READONLY. To ask again would not help. */
export class Refused extends Error {
  override name = "Refused";
  readonly code: string;
  constructor(cause: Error) {
    super(cause.message, { cause });
    this.code = cause.message.split(" ", 1)[0] ?? "ERR";
  }
}

/** There was no answer: no connection, or none in time. Whether the command was carried out is not known. */
export class Unanswered extends Error {
  override name = "Unanswered";
}

export interface Deadlines {
  /** For a command that is answered at once. A cache that takes longer than this is no help. */
  commandMs: number;
  /** For opening one more connection to wait on. */
  connectMs: number;
  /** How much later than BLOCK the answer of a waiting call may come. */
  marginMs: number;
  /** Connections to wait on, at most. More calls than that queue for one. */
  waiting: number;
}

export const DEADLINES: Deadlines = { commandMs: 500, connectMs: 2_000, marginMs: 500, waiting: 16 };

/** For `new Redis({ host, port, ...IOREDIS })`: no retries that nobody sees, no queue that grows while the server is away. */
export const IOREDIS = {
  connectTimeout: 2_000,
  maxRetriesPerRequest: 0,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  retryStrategy: (times) => Math.min(times * 100, 1_000),
} satisfies RedisOptions;

/** For `createClient({ socket: { host, port, ...NODE_REDIS.socket }, disableOfflineQueue: true })`. */
export const NODE_REDIS = {
  socket: { connectTimeout: 2_000, reconnectStrategy: (retries: number) => Math.min((retries + 1) * 100, 1_000) },
  disableOfflineQueue: true,
} satisfies RedisClientOptions;

export function overIoredis(redis: Redis, deadlines: Deadlines = DEADLINES): CacheClient {
  const connect = async (): Promise<Redis> => {
    const connection = redis.duplicate({ lazyConnect: true });
    connection.on("error", () => {}); // told by the rejected call
    await connection.connect().catch((error: unknown) => {
      connection.disconnect();
      throw error;
    });
    return connection;
  };
  // It connects by itself, and without a queue refuses what is asked before that: so the first callers wait for it.
  const connected = new Promise<void>((resolve) => {
    if (redis.status === "ready") resolve();
    for (const event of ["ready", "close", "end"]) redis.once(event, () => resolve());
    if (redis.status === "wait") redis.connect().catch(() => {}); // lazyConnect; told by the rejected call
  });
  const call = async (connection: Redis, [name = "", ...args]: readonly string[]) => {
    await connected;
    return connection.call(name, ...args);
  };
  return clientOf(redis, { call, connect, drop: (connection) => connection.disconnect() }, deadlines);
}

export function overNodeRedis(redis: RedisClientType, deadlines: Deadlines = DEADLINES): CacheClient {
  const connect = async (): Promise<RedisClientType> => {
    const connection = redis.duplicate({ socket: { ...redis.options?.socket, reconnectStrategy: false } });
    connection.on("error", () => {});
    await connection.connect();
    return connection;
  };
  const call = (connection: RedisClientType, command: readonly string[]) => connection.sendCommand(command);
  return clientOf(redis, { call, connect, drop: (connection) => connection.destroy() }, deadlines);
}

/** ioredis knows the keys of core's commands only. This one says its key, so that it goes to the right node at once. */
class KeyedCommand extends Command {
  readonly #key: string;
  constructor(key: string, [name = "", ...args]: readonly string[]) {
    super(name, args, { replyEncoding: "utf8" });
    this.#key = key;
  }
  override getKeys(): (string | Buffer)[] {
    return [this.#key];
  }
}

export function overIoredisCluster(cluster: Cluster, deadlines: Deadlines = DEADLINES): CacheClient {
  const connect = async (): Promise<Cluster> => {
    const connection = cluster.duplicate([], { lazyConnect: true });
    connection.on("error", () => {});
    await connection.connect();
    return connection;
  };
  const call = (connection: Cluster, command: readonly string[], namespace: string) =>
    Promise.resolve(connection.sendCommand(new KeyedCommand(namespace, command)));
  return clientOf(cluster, { call, connect, drop: (connection) => connection.disconnect() }, deadlines);
}

export function overNodeRedisCluster(cluster: RedisClusterType, deadlines: Deadlines = DEADLINES): CacheClient {
  const connect = async (): Promise<RedisClusterType> => {
    const connection = cluster.duplicate();
    connection.on("error", () => {});
    await connection.connect();
    return connection;
  };
  const call = (connection: RedisClusterType, command: readonly string[], namespace: string) =>
    connection.sendCommand(namespace, false, [...command]);
  return clientOf(cluster, { call, connect, drop: (connection) => connection.destroy() }, deadlines);
}

interface Wire<Connection> {
  call(connection: Connection, command: readonly string[], namespace: string): Promise<unknown>;
  connect(): Promise<Connection>;
  drop(connection: Connection): void;
}

function clientOf<Connection>(shared: Connection, wire: Wire<Connection>, deadlines: Deadlines): CacheClient {
  const idle: Connection[] = [];
  const queue: ((turn: void) => void)[] = [];
  let taken = 0;

  async function turn(patienceMs: number): Promise<void> {
    if (taken < deadlines.waiting) {
      taken += 1;
      return;
    }
    let next: (turn: void) => void = () => {};
    const mine = new Promise<void>((resolve) => queue.push((next = resolve)));
    await within(patienceMs, mine).catch((error: unknown) => {
      queue.splice(queue.indexOf(next), 1);
      throw error;
    });
  }

  /** Hands the turn to who has queued longest. */
  function done(): void {
    const next = queue.shift();
    if (next) next();
    else taken -= 1;
  }

  /** Drops a connection also when it opens only after its deadline. */
  async function opened(): Promise<Connection> {
    const connecting = wire.connect();
    return within(deadlines.connectMs, connecting).catch((error: unknown) => {
      connecting.then(wire.drop, () => {});
      throw error;
    });
  }

  return {
    send: (namespace, command) => within(deadlines.commandMs, wire.call(shared, command, namespace)),
    async wait(namespace, command, blockMs) {
      await turn(blockMs);
      try {
        const connection = idle.pop() ?? (await opened());
        try {
          const reply = await within(blockMs + deadlines.marginMs, wire.call(connection, command, namespace));
          idle.push(connection);
          return reply;
        } catch (error) {
          wire.drop(connection); // its answer may still come: it must not be the next caller's
          throw error;
        }
      } finally {
        done();
      }
    },
    async close() {
      for (const connection of [shared, ...idle.splice(0)]) wire.drop(connection);
    },
  };
}

async function within<T>(ms: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Unanswered(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([answer, late]);
  } catch (error) {
    if (error instanceof ReplyError || error instanceof ErrorReply) throw new Refused(error as Error);
    if (error instanceof Unanswered) throw error;
    throw new Unanswered(error instanceof Error ? error.message : String(error), { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
