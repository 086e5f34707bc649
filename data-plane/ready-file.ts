import { writeWhole } from "../shared/write-whole.ts";

/** What `--ready-file` says: where this proxy can be reached. Addresses are `host:port` with real ports. */
export interface ReadyFile {
  readonly pid: number;
  readonly name: string;
  readonly service: string;
  readonly version: string;
  readonly outbound: string;
  /** Null without an app. */
  readonly inbound: string | null;
  readonly admin: string;
  /** By service. */
  readonly upstreams: Readonly<Record<string, string>>;
  /** Where the first snapshot came from. */
  readonly source: "disk" | "stream";
}

/** Whole or not at all: a script that waits for the file never reads half of it. */
export function writeReadyFile(path: string, content: ReadyFile): void {
  writeWhole(path, `${JSON.stringify(content)}\n`);
}
