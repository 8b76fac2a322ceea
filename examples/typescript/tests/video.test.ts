import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { videoApi } from "../recipes/video-api.ts";
import type { Plan } from "../recipes/video-worker.ts";
import { TestServer, until } from "./support/server.ts";

const PLAN: Plan = {
  jobs: [
    { id: "cut", operation: "generateVideo", params: { prompt: "a cat", seconds: 4 } },
    { id: "join", operation: "joinVideos", params: { parts: ["cut"] }, dependsOn: ["cut"] },
  ],
};

interface Worker {
  process: ChildProcessByStdio<null, Readable, null>;
  printed: () => string;
}

describe("video generation", () => {
  let server: TestServer;
  const workers: Worker[] = [];
  const api = () => videoApi(server.admin, "studio", async (id) => (id === "p-1" ? PLAN : undefined));
  const get = async () => ((await (await api().request("/plans/p-1")).json()) as { jobs: { id: string; state: string; detail: unknown }[] }).jobs;
  const states = async () => (await get()).map(({ state }) => state);
  const remove = async (query = "") => (await api().request(`/plans/p-1${query}`, { method: "DELETE" })).json();
  const stat = async (name: string) => {
    const flat = (await server.admin.call("CACHE.STATS", "studio")) as unknown[];
    return flat[flat.indexOf(name) + 1];
  };

  function startWorker(name: string, manner: string): Worker {
    const program = fileURLToPath(new URL("./support/video-process.js", import.meta.url));
    const child = spawn(process.execPath, [program, `${server.port}`, name, manner, JSON.stringify(PLAN)], { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.on("data", (data: Buffer) => (text += data.toString()));
    const worker = { process: child, printed: () => text };
    workers.push(worker);
    return worker;
  }

  before(async () => void (server = await TestServer.start()));
  beforeEach(async () => {
    await server.admin.flushall();
    await server.admin.call("CACHE.RESETSTATS");
  });
  afterEach(() => workers.splice(0).forEach((worker) => worker.process.kill("SIGKILL")));
  after(() => server.stop());

  test("two workers with the same plan make each video once", async () => {
    const both = [startWorker("one", "finishes"), startWorker("two", "finishes")];
    await Promise.all(both.map((worker) => until("the plan", () => worker.printed().includes("{"))));
    const lines = both.map((worker) => worker.printed().trim().split("\n"));
    assert.equal(lines[0]!.at(-1), lines[1]!.at(-1));
    assert.deepEqual(lines.flat().filter((line) => line.startsWith("begins")).sort(), ["begins cut", "begins join"]);
    assert.deepEqual(await states(), ["done", "done"]);
  });

  test("a worker is killed, and one that waits takes over", async () => {
    const killed = startWorker("killed", "hangs");
    await until("progress", async () => (await get())[0]!.state === "working" && JSON.stringify(await get()).includes('{"percent":40}'));
    const survivor = startWorker("survivor", "finishes");
    await until("it to wait", async () => (await stat("waiters")) === 1);
    assert.equal(survivor.printed(), "");
    killed.process.kill("SIGKILL");
    await until("the plan", () => survivor.printed().includes("{"));
    assert.match(survivor.printed(), /begins cut\nbegins join\n/);
    assert.equal(await stat("leases_lapsed"), 1);
    assert.deepEqual((await get()).map(({ detail }) => detail), [{ url: "/survivor/cut", bytes: 1000 }, { url: "/survivor/join+/survivor/cut", bytes: 1000 }]);
  });

  test("DELETE makes the worker stop, and the plan is made anew", async () => {
    const worker = startWorker("slow", "hangs in join");
    await until("the second job", async () => (await states())[1] === "working");
    assert.deepEqual(await states(), ["done", "working"]);
    assert.deepEqual(await remove(), { invalidated: 1 });
    await until("it to stop", () => worker.printed().includes("stops join"));
    // Also what the stopped job was made from.
    await until("it to begin again", () => worker.printed().endsWith("stops join\nbegins cut\nbegins join\n"));
  });

  test("DELETE from one job on spares what it depends on", async () => {
    const worker = startWorker("one", "finishes");
    await until("the plan", () => worker.printed().includes("{"));
    assert.deepEqual(await remove("?from=join"), { invalidated: 1 });
    assert.deepEqual(await states(), ["done", "missing"]);
    const again = startWorker("two", "finishes");
    await until("the plan", () => again.printed().includes("{"));
    assert.match(again.printed(), /^begins join\n\{/);
    assert.deepEqual(await remove("?from=cut"), { invalidated: 2 });
    assert.deepEqual(await remove("?from=nothing"), { error: "there is no such job" });
    assert.equal((await api().request("/plans/p-2", { method: "DELETE" })).status, 404);
  });
});
