import { once } from "node:events";
import { createReadStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { status, type ServerWritableStream } from "@grpc/grpc-js";

import { BACKUP_CHUNK_BYTES, BACKUPS_MAX } from "../../shared/limits.ts";
import type { Logger } from "../../shared/log.ts";
import type { BackupChunk } from "../../shared/wire/admin-api.ts";
import type { Store } from "../store/store.ts";
import { refusal, toStatus, type Refusal } from "./refusal.ts";
import { refuseBytes, type Received } from "./unary.ts";

type BackupCall = ServerWritableStream<Received<unknown>, BackupChunk>;

/** Streams consistent copies of the store: copied to a temporary file first, so that a slow reader holds up nothing. */
export class Backups {
  readonly #store: Store;
  readonly #log: Logger;
  #running = 0;

  constructor(store: Store, log: Logger) {
    this.#store = store;
    this.#log = log;
  }

  handler(): (call: BackupCall) => void {
    return (call) => {
      const fail = (reason: Refusal): void => void call.emit("error", toStatus(reason));
      if (!call.request.ok) return fail(refuseBytes(call.request.error));
      if (this.#running >= BACKUPS_MAX)
        return fail(
          refusal(status.RESOURCE_EXHAUSTED, `${BACKUPS_MAX} backups are running already; try again when one is done`),
        );
      this.#running += 1;
      this.#stream(call)
        .catch((error: unknown) => {
          if (call.cancelled) return;
          this.#log.error({ err: error }, "a backup failed");
          fail(
            refusal(status.UNAVAILABLE, `the backup failed: ${error instanceof Error ? error.message : String(error)}`),
          );
        })
        .finally(() => {
          this.#running -= 1;
        });
    };
  }

  async #stream(call: BackupCall): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), "heddle-backup-"));
    try {
      const file = join(folder, "backup.db");
      await this.#store.backup(file);
      await send(file, call);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

/** By hand and not by a pipeline, which would answer a failed read with a status and words of its own. */
async function send(file: string, call: BackupCall): Promise<void> {
  const gone = new AbortController();
  call.once("close", () => gone.abort());
  for await (const chunk of createReadStream(file, { highWaterMark: BACKUP_CHUNK_BYTES })) {
    // A stream without an encoding yields Buffers.
    const data = chunk as Buffer;
    if (!call.write({ data })) await once(call, "drain", { signal: gone.signal });
  }
  call.end();
}
