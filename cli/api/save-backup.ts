import { existsSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

import { CliError, inputError } from "../cli-error.ts";
import { EXIT } from "../exit-code.ts";
import type { AdminClient } from "./admin-client.ts";

/**
 * Streams a copy of the store into `file`, by way of a file beside it: nobody ever sees half a backup. It is for its
 * owner alone, for the store has the keys of certificates.
 */
export async function saveBackup(client: AdminClient, file: string, overwrites: boolean): Promise<number> {
  if (existsSync(file) && !overwrites)
    throw inputError(`${file} exists`, "name another file", "or replace it: --force");
  const partial = `${file}.${process.pid}.partial`;
  const handle = await open(partial, "wx", 0o600).catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === "ENOENT" ? `there is no folder ${dirname(file)}` : error.message;
    throw new CliError(`cannot write ${file}: ${reason}`, EXIT.failed, ["name another file: heddle backup FILE"]);
  });
  let bytes = 0;
  try {
    for await (const { data } of client.backup()) {
      await handle.write(data);
      bytes += data.length;
    }
    await handle.sync();
    await handle.close();
    await rename(partial, file);
    await syncFolder(dirname(file));
    return bytes;
  } catch (error) {
    await handle.close();
    await rm(partial, { force: true });
    throw error;
  }
}

/** The new name must survive a power cut too. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
