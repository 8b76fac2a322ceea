/**
 * An editor: scenes, decisions of an AI about them, and builds of components.
 *
 * Use it where results are about things that users change all the time. A scene's change takes back all that was made from
 * it, or is about it, by one tag; what no tag can know (a scene that is gone) is found out when a decision is used, and
 * rejected; only builds that succeeded are kept; and a project that is opened is warm, without ever overwriting what is newer.
 */
import type { Redis } from "ioredis";
import { type Cached, ComputationFailed } from "./cached.ts";

/** [operation, field, value, ...], for the namespaces `editor:*`, one for each project. Set at deployment. */
export const RULES: string[][] = [
  ["*", "TTL", "10m", "TAGS", "scene:{params/sceneId}"],
  ["ai:decide", "TTL", "30m", "IGNORE", "/requestId", "TAGS", "scene:{params/sceneId} scene:{result/targetSceneId}"],
  ["component:build", "TTL", "24h", "HASH", "blake3"],
];

export interface Scene {
  id: string;
  text: string;
}

export interface Decision {
  action: string;
  /** The scene to change, which need not be the one that was asked about. */
  targetSceneId: string;
}

export type Build = { ok: true; bundle: string } | { ok: false; diagnostics: string[] };

export interface Backend {
  readScene(id: string): Promise<Scene>;
  readScenes(): Promise<Scene[]>;
  writeScene(scene: Scene): Promise<void>;
  sceneExists(id: string): Promise<boolean>;
  askModel(sceneId: string, prompt: string): Promise<Decision>;
  compile(source: string): Promise<Build>;
}

type Fetched = [status: string, value: string | null, token: string | null, version: number];

export class Editor {
  readonly #cached: Cached;
  readonly #redis: Redis;
  readonly #waiting: Redis;
  readonly #namespace: string;
  readonly #backend: Backend;

  /** `waiting` is for the calls that wait for another's decision. */
  constructor(cached: Cached, redis: Redis, waiting: Redis, namespace: string, backend: Backend) {
    this.#cached = cached;
    this.#redis = redis;
    this.#waiting = waiting;
    this.#namespace = namespace;
    this.#backend = backend;
  }

  scene(id: string): Promise<Scene> {
    return this.#cached(this.#namespace, "scene", { sceneId: id }, () => this.#backend.readScene(id));
  }

  /** First the database, then the cache: what is computed from the old scene meanwhile is not stored. */
  async change(scene: Scene): Promise<void> {
    await this.#backend.writeScene(scene);
    await this.#redis.call("CACHE.INVALIDATE", "TAG", this.#namespace, `scene:${scene.id}`);
  }

  /** The same question, asked with another request id, gets the same decision, as long as that can be carried out. */
  async decide(sceneId: string, prompt: string, requestId: string): Promise<Decision> {
    const params = JSON.stringify({ sceneId, prompt: asTyped(prompt), requestId });
    let reject: (string | number)[] = [];
    for (;;) {
      const [status, value, token, version] = (await this.#waiting.call("CACHE.RESULT", "FETCH", this.#namespace, "ai:decide",
        params, "LEASE", 60_000, "BLOCK", 60_000, ...reject)) as Fetched;
      if (status === "FAILED") throw new ComputationFailed(value ?? "");
      if (value !== null && status !== "BUSY") {
        const decision = JSON.parse(value) as Decision;
        if (await this.#backend.sceneExists(decision.targetSceneId)) return decision;
        reject = ["REJECT", version]; // this very version counts as absent now, for this caller
      } else if (token !== null) return this.#decideUnder(token, sceneId, asTyped(prompt));
    }
  }

  async #decideUnder(token: string, sceneId: string, prompt: string): Promise<Decision> {
    try {
      const decision = await this.#backend.askModel(sceneId, prompt);
      await this.#redis.call("CACHE.RESULT", "FILL", this.#namespace, token, JSON.stringify(decision));
      return decision; // also where it is FENCED: a decision about a scene that has changed is for who asked before that
    } catch (error) {
      await this.#redis.call("CACHE.RESULT", "FAIL", this.#namespace, token, (error as Error).message);
      throw error;
    }
  }

  /** Builds that fail are told to all who wait for them, and forgotten: the next call tries again. */
  async build(source: string): Promise<Build> {
    const compile = async (): Promise<Build> => {
      const built = await this.#backend.compile(source);
      if (!built.ok) throw new BuildFailed(JSON.stringify(built.diagnostics));
      return built;
    };
    try {
      return await this.#cached(this.#namespace, "component:build", { source }, compile);
    } catch (error) {
      const told = /^(?:BuildFailed: )?(\[.*\])$/s.exec(error instanceof BuildFailed || error instanceof ComputationFailed ? error.message : "");
      if (!told?.[1]) throw error;
      return { ok: false, diagnostics: JSON.parse(told[1]) as string[] };
    }
  }

  /**
   * Stores all scenes of the project, in one step: `[stored, skipped]`. NX spares what is there already, and SINCE what was
   * changed after the stamp: it is taken before the database is read, so an update in between wins.
   */
  async open(): Promise<[stored: number, skipped: number]> {
    const stamp = (await this.#redis.call("CACHE.CLOCK", this.#namespace)) as string;
    const scenes = await this.#backend.readScenes();
    if (scenes.length === 0) return [0, 0];
    const rows = scenes.map((scene) => ({ operation: "scene", params: { sceneId: scene.id }, result: scene }));
    return (await this.#redis.call("CACHE.WARM", this.#namespace, "NX", "SINCE", stamp, "JSON", JSON.stringify(rows))) as [number, number];
  }
}

class BuildFailed extends Error {
  override name = "BuildFailed";
}

/**
 * A prompt as it was meant: é is one character whether it was typed as one or as two, and half of an emoji, which a browser
 * cuts off at a length limit, is no Unicode and would be refused. Nothing else is touched: spaces may matter to the model.
 */
function asTyped(prompt: string): string {
  return prompt.normalize("NFC").toWellFormed();
}
