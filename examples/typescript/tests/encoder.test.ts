import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { Redis } from "ioredis";
import { cacheOver } from "../recipes/cached.ts";
import { overIoredis } from "../recipes/clients.ts";
import { describeSource, type Encoder, rendition, type RenditionParams } from "../recipes/encoder.ts";
import { enlist, type Janitor, settle, sweepOrphans } from "../recipes/janitor.ts";
import { upload, type UploadState } from "../recipes/upload.ts";
import { TestServer, until } from "./support/server.ts";

describe("the encoder", () => {
  let server: TestServer;
  let folder: string;
  let encoded: string[];
  const connections: Redis[] = [];
  const connect = () => {
    const connection = new Redis({ port: server.port });
    connections.push(connection);
    return connection;
  };
  const params = (source: string): RenditionParams => ({ source, profile: { name: "720p", height: 720, bitrate: 1_000_000 } });
  const encoder = (over: Partial<Encoder> = {}): Encoder => ({
    redis: connect(),
    waiting: connect(),
    namespace: "encoder:node1",
    folder,
    leaseMs: 10_000,
    expectedBytes: () => 400,
    async encode({ source }, path) {
      encoded.push(source);
      await writeFile(path, "x".repeat(400));
    },
    ...over,
  });
  const janitor = (name: string): Janitor => ({ redis: connect(), namespace: "encoder:node1", folder, name, takeOverMs: 60_000 });
  const files = async () => (await readdir(folder)).sort();

  before(async () => void (server = await TestServer.start()));
  beforeEach(async () => {
    await server.admin.flushall();
    folder = await mkdtemp(join(tmpdir(), "renditions-"));
    encoded = [];
    const rules = [["*", "MAXWEIGHT", "1000", "EVICT", "lru", "REMOVALS", "1000"], ["encode", "TTL", "30d", "TAGS", "source:{params/source} profile:{params/profile/name}"],
      ["source:probe", "TTL", "30d", "IGNORE", "/path"], ["upload", "TTL", "1d", "TTLFROM", "/state uploading=1d done=30d"]];
    for (const rule of rules) await server.admin.call("CACHE.POLICY", "SET", "encoder:*", ...rule);
  });
  afterEach(async () => {
    connections.splice(0).forEach((connection) => connection.disconnect());
    await rm(folder, { recursive: true });
  });
  after(() => server.stop());

  test("a source is described once, wherever its bytes lie", async () => {
    const cached = cacheOver(overIoredis(connect()));
    let probed = 0;
    const probe = async () => ({ seconds: 12, probed: ++probed });
    for (const name of ["a.mov", "b.mov"]) await writeFile(join(folder, name), "the same bytes");
    const [a, b] = [await describeSource(cached, "encoder:node1", join(folder, "a.mov"), probe), await describeSource(cached, "encoder:node1", join(folder, "b.mov"), probe)];
    assert.deepEqual(a, b);
    assert.deepEqual(a.about, { seconds: 12, probed: 1 });
  });

  test("two encoders encode once, and a file that is gone or cut short is encoded again", async () => {
    const [one, two] = await Promise.all([rendition(encoder(), params("a")), rendition(encoder(), params("a"))]);
    assert.deepEqual(one, two);
    assert.deepEqual(encoded, ["a"]);
    await rm(one.path);
    const again = await rendition(encoder(), params("a"));
    assert.notEqual(again.path, one.path);
    await truncate(again.path, 10);
    assert.notEqual((await rendition(encoder(), params("a"))).path, again.path);
    assert.deepEqual(encoded, ["a", "a", "a"]);
  });

  test("room is reserved before a file is written, and what had to go is deleted by the janitor", async () => {
    const caretaker = janitor("one");
    await enlist(caretaker);
    const first = await rendition(encoder(), params("a"));
    const second = await rendition(encoder(), params("b"));
    // Three files of 400 are more than 1000: the first goes while the third is written.
    const third = await rendition(encoder({
      async encode(_, path) {
        await until("room", async () => (await server.admin.call("CACHE.RESULT", "EXISTS", "encoder:node1", "encode", JSON.stringify(params("a")))) === 0);
        await writeFile(path, "x".repeat(400));
      },
    }), params("c"));
    assert.equal(await settle(caretaker, 5_000), 1);
    assert.deepEqual(await files(), [second, third].map(({ path }) => path.slice(folder.length + 1)).sort());
    assert.ok(!(await files()).includes(first.path.slice(folder.length + 1)));
    assert.deepEqual(await server.admin.xpending("result:{encoder:node1}:removals", "janitors"), [0, null, null, null]);
  });

  test("an invalidated profile stops the encode, and leaves no file", async () => {
    let stopped = false;
    const working = rendition(encoder({
      leaseMs: 60,
      async encode({ source }, path, signal) {
        encoded.push(source);
        await writeFile(path, "half");
        if (encoded.length > 1) return;
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        stopped = true;
        signal.throwIfAborted();
      },
    }), params("a"));
    await until("the encode", () => encoded.length === 1);
    await server.admin.call("CACHE.INVALIDATE", "TAG", "encoder:node1", "profile:720p");
    const { path } = await working;
    assert.ok(stopped);
    assert.deepEqual(await files(), [path.slice(folder.length + 1)]);
  });

  test("records of a janitor that died are settled by another, and living files are spared", async () => {
    const [dead, other] = [janitor("dead"), { ...janitor("other"), takeOverMs: 0 }];
    await enlist(dead);
    await enlist(other);
    const made = await rendition(encoder(), params("a"));
    const entry = ["encoder:node1", "encode", JSON.stringify(params("a"))];
    // Described anew: a record says that this result was replaced, yet its file is the same.
    await server.admin.call("CACHE.RESULT", "MERGE", ...entry, '{"note":"checked"}');
    await dead.redis.call("XREADGROUP", "GROUP", "janitors", "dead", "STREAMS", "result:{encoder:node1}:removals", ">");
    assert.equal(await settle(other, 1), 1);
    assert.equal((await files()).length, 1);
    await server.admin.call("CACHE.RESULT", "INVALIDATE", ...entry);
    assert.equal(await settle(other, 5_000), 1);
    assert.deepEqual(await files(), []);
    assert.ok(made.bytes === 400);
  });

  test("the orphan sweep deletes what no entry lists, once it is old", async () => {
    const { path } = await rendition(encoder(), params("a"));
    const orphan = join(folder, `${"0".repeat(64)}.left.mp4`);
    for (const name of [orphan, join(folder, "notes.txt")]) await writeFile(name, "");
    assert.equal(await sweepOrphans(janitor("one"), "encode", 3_600_000), 0);
    for (const name of await files()) await utimes(join(folder, name), 0, 0);
    assert.equal(await sweepOrphans(janitor("one"), "encode", 3_600_000), 1);
    assert.deepEqual(await files(), [path.slice(folder.length + 1), "notes.txt"].sort());
    await server.admin.flushall(); // tells nobody
    assert.equal(await sweepOrphans(janitor("one"), "encode", 3_600_000), 1);
  });

  test("an upload goes on where it broke off, and two uploaders lose nothing of each other's", async () => {
    const target = { source: "9f8e", target: "s3://videos" };
    const names = ["init.mp4", "1.m4s", "a/b~c.m4s"];
    const sent: string[] = [];
    const send = (broken: string[]) => async (file: string) => {
      sent.push(file);
      if (broken.includes(file)) throw new Error("503 slow down");
      return `etag-${file}`;
    };
    await assert.rejects(upload(connect(), "encoder:node1", target, names, send(["1.m4s"])), /503/);
    const done = await upload(connect(), "encoder:node1", target, names, send([]));
    assert.deepEqual(sent, ["init.mp4", "1.m4s", "1.m4s", "a/b~c.m4s"]);
    assert.equal(done.state, "done");
    assert.equal(done.attempts, 2);
    assert.deepEqual(done.errors?.map(({ file, message }) => [file, message]), [["1.m4s", "503 slow down"]]);
    await upload(connect(), "encoder:node1", target, names, send([]));
    assert.equal(sent.length, 4);

    const many = Array.from({ length: 20 }, (_, at) => `${at}.m4s`);
    const both = { source: "both", target: "s3://videos" };
    const halves = [many, [...many].reverse()];
    await Promise.all(halves.map((half) => upload(connect(), "encoder:node1", both, half, send([]))));
    const state = JSON.parse((await server.admin.call("CACHE.RESULT", "GET", "encoder:node1", "upload", JSON.stringify(both))) as string) as UploadState;
    assert.deepEqual([Object.keys(state.files).length, state.attempts, state.state], [20, 2, "done"]);
  });
});
