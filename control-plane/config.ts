import { parseArgs } from "node:util";

import { parseAddress, type Address } from "../shared/address.ts";
import { ADMIN_API_PORT, XDS_PORT } from "../shared/defaults.ts";
import { LOG_LEVELS } from "../shared/log-level.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { violation, type Violation } from "../shared/violation.ts";

export interface ControlPlaneConfig {
  /** The SQLite file; made when missing. */
  readonly db: string;
  readonly xds: Address;
  readonly admin: Address;
  /** Where Prometheus may ask; undefined opens no port. */
  readonly metrics: Address | undefined;
  /** Gets one JSON object with the real addresses once the control plane serves. */
  readonly readyFile: string | undefined;
  readonly logLevel: string;
}

/** The flags, each also as a variable: `--ready-file` is `HEDDLE_READY_FILE`. */
const FLAGS = ["db", "xds", "admin", "metrics", "ready-file", "log-level"] as const;
type Flag = (typeof FLAGS)[number];

/** Reads flags, then variables, then defaults. All that is wrong comes back at once. */
export function readControlPlaneConfig(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): Result<ControlPlaneConfig, readonly Violation[]> {
  const given = readFlags(args);
  if (!given.ok) return given;
  const text = (flag: Flag): string | undefined =>
    given.value[flag] ?? env[`HEDDLE_${flag.toUpperCase().replaceAll("-", "_")}`];
  const found: Violation[] = [];
  const address = (flag: Flag, fallback: string): Address => {
    const parsed = parseAddress(text(flag) ?? fallback);
    if (parsed.ok) return parsed.value;
    found.push(violation(`--${flag}`, parsed.error));
    return { host: "", port: 0 };
  };
  const config: ControlPlaneConfig = {
    db: text("db") ?? "heddle.db",
    xds: address("xds", String(XDS_PORT)),
    admin: address("admin", String(ADMIN_API_PORT)),
    metrics: text("metrics") === undefined ? undefined : address("metrics", ""),
    readyFile: text("ready-file"),
    logLevel: logLevel(text("log-level"), found),
  };
  return found.length > 0 ? err(found) : ok(config);
}

function logLevel(text: string | undefined, found: Violation[]): string {
  if (text !== undefined && !LOG_LEVELS.some((level) => level === text)) {
    found.push(violation("--log-level", `"${text}" is none of ${LOG_LEVELS.join(", ")}`));
  }
  return text ?? LOG_LEVELS[0];
}

function readFlags(args: readonly string[]): Result<Partial<Record<Flag, string>>, readonly Violation[]> {
  const options = Object.fromEntries(FLAGS.map((flag) => [flag, { type: "string" as const }]));
  try {
    return ok(parseArgs({ args: [...args], options, strict: true }).values);
  } catch (error) {
    return err([violation("", error instanceof Error ? error.message : String(error))]);
  }
}
