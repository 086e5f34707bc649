import { existsSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";

import { CliError, inputError } from "../cli-error.ts";
import { EXIT } from "../exit-code.ts";
import type { AdminClient } from "./admin-client.ts";

/** Streams a copy of the store into `file`, by way of a file beside it: nobody ever sees half a backup. */
export async function saveBackup(client: AdminClient, file: string): Promise<number> {
  if (existsSync(file)) throw inputError(`${file} exists; a backup overwrites nothing`, "name another file");
  const partial = `${file}.partial`;
  const handle = await open(partial, "wx").catch((error: Error) => {
    throw new CliError(`cannot write ${partial}: ${error.message}`, EXIT.failed);
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
    return bytes;
  } catch (error) {
    await handle.close();
    await rm(partial, { force: true });
    throw error;
  }
}
