/** Real servers for the tests: each on a free port, in a folder of its own, ended by its process id. */
import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";

const running = new Set<TestServer>();
process.on("exit", () => running.forEach((server) => server.signal("SIGKILL")));

export interface TestServerOptions {
  /** Without it, a plain Redis, as one that is rented. */
  module?: boolean;
  port?: number;
  settings?: string[];
}

export class TestServer {
  readonly port: number;
  /** For what only an administrator does: CONFIG, CACHE.POLICY, looking into what the recipe did. */
  readonly admin: Redis;
  readonly #settings: string[];
  readonly #folder = mkdtempSync(join(tmpdir(), "recipes-"));
  #process: ChildProcess | undefined;

  private constructor(port: number, settings: string[]) {
    this.port = port;
    this.#settings = settings;
    this.admin = new Redis({ port, lazyConnect: true, retryStrategy: (times) => Math.min(times * 20, 200) });
    this.admin.on("error", () => {});
  }

  static async start({ module = true, port, settings = [] }: TestServerOptions = {}): Promise<TestServer> {
    const load = module ? ["--loadmodule", modulePath()] : [];
    const server = new TestServer(port ?? (await freePort()), [...load, ...settings]);
    await server.start();
    return server;
  }

  async start(): Promise<void> {
    const settings = ["--port", `${this.port}`, "--dir", this.#folder, "--save", "", "--bind", "127.0.0.1"];
    const log = join(this.#folder, "log");
    const child = spawn("redis-server", [...settings, "--logfile", log, ...this.#settings], { stdio: "ignore" });
    this.#process = child;
    running.add(this);
    // For the script around the tests, should they themselves be killed.
    if (process.env["RECIPES_PIDS"]) appendFileSync(process.env["RECIPES_PIDS"], `${child.pid}\n`);
    await until(`the server on port ${this.port}`, async () => {
      if (child.exitCode !== null) throw new Error(`redis-server ended:\n${readFileSync(log, "utf8").slice(-1000)}`);
      return (await this.admin.ping().catch(() => "")) === "PONG";
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  pause(): void {
    this.signal("SIGSTOP");
  }

  resume(): void {
    this.signal("SIGCONT");
  }

  async kill(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }

  async stop(): Promise<void> {
    this.admin.disconnect();
    await this.kill();
    running.delete(this);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export function modulePath(): string {
  const path = process.env["RESULT_CACHE_MODULE"];
  if (!path) throw new Error("RESULT_CACHE_MODULE must be the path of libredis_result_cache.so");
  return path;
}

/** Tries again until the condition holds. Tests wait for what they need, and never for a time. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, patienceMs = 10_000): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited ${patienceMs} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Something that is decided elsewhere: `resolve` it when the test has come so far. */
export function gate<T = void>(): { promise: Promise<T>; open: (value: T) => void } {
  let open!: (value: T) => void;
  const promise = new Promise<T>((resolve) => (open = resolve));
  return { promise, open };
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once("error", reject);
    // Below 50,000, so that the bus port of a cluster node, 10,000 more, is one too.
    probe.listen(20_000 + Math.floor(Math.random() * 12_000), "127.0.0.1", () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  }).catch(() => freePort()) as Promise<number>;
}
