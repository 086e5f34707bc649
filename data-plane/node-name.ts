import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Ids } from "../shared/random.ts";
import type { ProxyConfig } from "./config.ts";

/** Digits of chance in a made-up name: enough for the proxies of one service, short enough to read aloud. */
const SUFFIX_CHARS = 6;

/**
 * `node.id`: the name given, or `<service>-<six hex digits>`. A made-up one is kept in the state folder, so that a proxy
 * that starts again is the same proxy to the control plane.
 */
export function nodeName({ name, service, stateFolder }: ProxyConfig, ids: Ids): string {
  if (name !== undefined) return name;
  const madeUp = `${service}-${ids.uuid().slice(0, SUFFIX_CHARS)}`;
  if (stateFolder === undefined) return madeUp;
  mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
  const path = join(stateFolder, "name");
  try {
    writeFileSync(path, `${madeUp}\n`, { flag: "wx" });
    return madeUp;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    const kept = readFileSync(path, "utf8").trim();
    // Another service's state, or an empty file after a crash: not this proxy's name.
    return kept.startsWith(`${service}-`) ? kept : madeUp;
  }
}
