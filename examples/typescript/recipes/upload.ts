/**
 * A resumable upload of many files, whose state is one entry that any number of processes change at the same time.
 *
 * Use it where an upload dies half way, and what has been sent must not be sent again. Each file is a member of the state,
 * so MERGE of one never undoes another; attempts are counted in the server, and errors join a list. Set once:
 *
 *     CACHE.POLICY SET encoder:* upload TTL 1d TTLFROM "/state uploading=1d done=30d"
 */
import type { Redis } from "ioredis";

export interface UploadState {
  state: "uploading" | "done";
  attempts: number;
  /** What storage answered, by the name of the file. */
  files: Record<string, string>;
  errors?: { file: string; message: string; at: string }[];
}

/** Sends one file, and tells the storage's tag of it. */
export type Send = (file: string) => Promise<string>;

/** Sends what has not been sent yet. An error leaves the state as it is, and the next call goes on from there. */
export async function upload(redis: Redis, namespace: string, params: { source: string; target: string }, files: string[], send: Send): Promise<UploadState> {
  const entry = [namespace, "upload", JSON.stringify(params)];
  const merge = (patch: object, ...more: string[]) => redis.call("CACHE.RESULT", "MERGE", ...entry, JSON.stringify(patch), "UPSERT", ...more);
  const state = async () => {
    const text = (await redis.call("CACHE.RESULT", "GET", ...entry)) as string | null;
    return text === null ? undefined : (JSON.parse(text) as UploadState);
  };

  const before = await state();
  if (before?.state === "done") return before;
  await merge({ state: "uploading" }, "INCR", "/attempts", "1");
  for (const file of files) {
    if (before?.files?.[file] !== undefined) continue;
    try {
      await merge({ files: { [file]: await send(file) } });
    } catch (error) {
      const noted = JSON.stringify({ file, message: (error as Error).message, at: new Date().toISOString() });
      await merge({}, "APPEND", "/errors", noted);
      throw error;
    }
  }
  // Done only if all is there: another process may have begun anew.
  const after = await state();
  if (!after || files.some((file) => after.files[file] === undefined)) throw new Error("the upload was taken back meanwhile");
  await merge({ state: "done" });
  return { ...after, state: "done" };
}
