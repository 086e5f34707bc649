import { parseAddress, type Address } from "../shared/address.ts";
import { INBOUND_PORT, OUTBOUND_PORT, PROXY_ADMIN_PORT, PROXY_WORKERS, XDS_PORT } from "../shared/defaults.ts";
import {
  PROXY_WORKERS_MAX,
  SERVICE_NAME_CHARS_MAX,
  VERSION_CHARS_MAX,
  XDS_NODE_ID_CHARS_MAX,
} from "../shared/limits.ts";
import { LOG_LEVELS } from "../shared/log-level.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { SERVICE_NAME, SERVICE_NAME_WORDS } from "../shared/service-name.ts";
import { violation, type Violation } from "../shared/violation.ts";
import { UNDERSCORE_POLICIES, type UnderscorePolicy } from "./http1/message-fields.ts";
import { PATH_MODES, type PathMode } from "./http1/path-mode.ts";
import {
  limitFlag,
  PROXY_LIMIT_NAMES,
  readProxyLimits,
  type ProxyLimitSettings,
  type ProxyLimitValues,
} from "./proxy-limits.ts";

/** What a proxy is told when it starts. Port 0 lets the system choose. */
export interface ProxyConfig {
  readonly service: string;
  /** "" for an instance without versions. */
  readonly version: string;
  /** `node.id`; undefined: one is made up once and kept in the state folder. */
  readonly name: string | undefined;
  /** Where the app beside the proxy listens; undefined: there is none, and no inbound listener. */
  readonly app: Address | undefined;
  /** Tried in turn. */
  readonly controlPlanes: readonly Address[];
  readonly outbound: Address;
  readonly inbound: Address;
  readonly admin: Address;
  /** Local ports whose every request goes to one service. */
  readonly upstreams: readonly Upstream[];
  /** Undefined: nothing is kept, and the proxy cannot start without the control plane. */
  readonly stateFolder: string | undefined;
  /** Gets one JSON object (ReadyFile) once requests are served. */
  readonly readyFile: string | undefined;
  readonly egress: "allow-any" | "registry-only";
  /** Threads that carry requests; 1 is the main thread alone. */
  readonly workers: number;
  /** How paths are made canonical before they are routed. */
  readonly pathMode: PathMode;
  /** What is done with header names that have an underscore. */
  readonly underscores: UnderscorePolicy;
  readonly limits: ProxyLimitValues;
  /** `off`, `stdout`, or a file. */
  readonly accessLog: string;
  readonly logLevel: string;
  /** Take a snapshot of an older revision, or of another mesh. */
  readonly acceptOlder: boolean;
}

export interface Upstream {
  readonly service: string;
  readonly address: Address;
}

/** The same as text, as flags and variables bring it. Undefined or "" is the default. */
export interface ProxySettings extends ProxyLimitSettings {
  readonly service?: string | undefined;
  readonly version?: string | undefined;
  readonly name?: string | undefined;
  readonly app?: string | undefined;
  /** `HOST:PORT`, several with commas. */
  readonly controlPlane?: string | undefined;
  readonly outbound?: string | undefined;
  readonly inbound?: string | undefined;
  readonly admin?: string | undefined;
  /** Each `SERVICE=PORT` or `SERVICE=HOST:PORT`. */
  readonly upstream?: readonly string[] | undefined;
  readonly state?: string | undefined;
  readonly readyFile?: string | undefined;
  readonly egress?: string | undefined;
  readonly workers?: string | undefined;
  readonly pathMode?: string | undefined;
  readonly underscores?: string | undefined;
  readonly accessLog?: string | undefined;
  readonly logLevel?: string | undefined;
  readonly acceptOlder?: boolean | undefined;
}

/** The first is the default. */
const EGRESS_MODES = ["allow-any", "registry-only"] as const;

/** Everything that is wrong with the settings, each with the name of its flag. */
export function readProxyConfig(settings: ProxySettings): Result<ProxyConfig, readonly Violation[]> {
  const found: Violation[] = [];
  const service = settings.service ?? "";
  if (service === "") found.push(violation("--service", "is needed: the service whose calls this proxy makes"));
  const config: ProxyConfig = {
    service: readServiceName("--service", service, found),
    version: bounded("--version", settings.version ?? "", VERSION_CHARS_MAX, found),
    name: optional(bounded("--name", settings.name ?? "", XDS_NODE_ID_CHARS_MAX, found)),
    app: isSet(settings.app) ? readAddress("--app", settings.app, found) : undefined,
    controlPlanes: (isSet(settings.controlPlane) ? settings.controlPlane : String(XDS_PORT))
      .split(",")
      .map((text) => readAddress("--control-plane", text.trim(), found)),
    outbound: readAddress("--outbound", orPort(settings.outbound, OUTBOUND_PORT), found),
    inbound: readAddress("--inbound", orPort(settings.inbound, INBOUND_PORT), found),
    admin: readAddress("--admin", orPort(settings.admin, PROXY_ADMIN_PORT), found),
    upstreams: (settings.upstream ?? []).map((text) => readUpstream(text, found)),
    stateFolder: optional(settings.state),
    readyFile: optional(settings.readyFile),
    egress: oneOf("--egress", settings.egress, EGRESS_MODES, found),
    workers: readWorkers(settings.workers, found),
    pathMode: oneOf("--path-mode", settings.pathMode, PATH_MODES, found),
    underscores: oneOf("--underscores", settings.underscores, UNDERSCORE_POLICIES, found),
    limits: readProxyLimits(settings, found),
    accessLog: optional(settings.accessLog) ?? "stdout",
    logLevel: oneOf("--log-level", settings.logLevel, LOG_LEVELS, found),
    acceptOlder: settings.acceptOlder ?? false,
  };
  return found.length === 0 ? ok(config) : err(found);
}

/** The settings in the `HEDDLE_...` variables, for a proxy that is started without the command line. */
export function settingsOfEnvironment(): ProxySettings {
  const { env } = process;
  return {
    service: env["HEDDLE_SERVICE"],
    version: env["HEDDLE_VERSION"],
    name: env["HEDDLE_NAME"],
    app: env["HEDDLE_APP"],
    controlPlane: env["HEDDLE_CONTROL_PLANE"],
    outbound: env["HEDDLE_OUTBOUND"],
    inbound: env["HEDDLE_INBOUND"],
    admin: env["HEDDLE_ADMIN"],
    upstream: env["HEDDLE_UPSTREAM"]?.split(",").filter((text) => text !== ""),
    state: env["HEDDLE_STATE"],
    readyFile: env["HEDDLE_READY_FILE"],
    egress: env["HEDDLE_EGRESS"],
    workers: env["HEDDLE_WORKERS"],
    pathMode: env["HEDDLE_PATH_MODE"],
    underscores: env["HEDDLE_UNDERSCORES"],
    accessLog: env["HEDDLE_ACCESS_LOG"],
    logLevel: env["HEDDLE_LOG_LEVEL"],
    acceptOlder: env["HEDDLE_ACCEPT_OLDER"] === "true" || env["HEDDLE_ACCEPT_OLDER"] === "1",
    ...limitsOfEnvironment(),
  };
}

function limitsOfEnvironment(): ProxyLimitSettings {
  const variable = (flag: string): string => `HEDDLE_${flag.toUpperCase().replaceAll("-", "_")}`;
  return Object.fromEntries(PROXY_LIMIT_NAMES.map((name) => [name, process.env[variable(limitFlag(name))]]));
}

function isSet(text: string | undefined): text is string {
  return text !== undefined && text !== "";
}

function optional(text: string | undefined): string | undefined {
  return isSet(text) ? text : undefined;
}

function orPort(text: string | undefined, port: number): string {
  return isSet(text) ? text : String(port);
}

function bounded(flag: string, text: string, charsMax: number, found: Violation[]): string {
  if (text.length > charsMax) found.push(violation(flag, `has ${text.length} characters; at most ${charsMax}`));
  return text;
}

/** As the control plane has it: an instance of a service by another name would never be listed there. */
function readServiceName(flag: string, text: string, found: Violation[]): string {
  if (text === "" || (text.length <= SERVICE_NAME_CHARS_MAX && SERVICE_NAME.test(text))) return text;
  found.push(violation(flag, `must be ${SERVICE_NAME_WORDS} (got "${text}")`));
  return text;
}

function readAddress(flag: string, text: string, found: Violation[]): Address {
  const address = parseAddress(text);
  if (address.ok) return address.value;
  found.push(violation(flag, address.error));
  return { host: "127.0.0.1", port: 0 };
}

function readUpstream(text: string, found: Violation[]): Upstream {
  const equals = text.indexOf("=");
  if (equals < 1) {
    found.push(violation("--upstream", `"${text}" is not SERVICE=PORT (for example reviews=9091)`));
    return { service: "", address: { host: "127.0.0.1", port: 0 } };
  }
  const service = readServiceName("--upstream", text.slice(0, equals), found);
  return { service, address: readAddress("--upstream", text.slice(equals + 1), found) };
}

function readWorkers(text: string | undefined, found: Violation[]): number {
  if (!isSet(text)) return PROXY_WORKERS;
  const workers = Number(text);
  if (Number.isInteger(workers) && workers >= 1 && workers <= PROXY_WORKERS_MAX) return workers;
  found.push(violation("--workers", `"${text}" is not a whole number from 1 to ${PROXY_WORKERS_MAX}`));
  return PROXY_WORKERS;
}

function oneOf<T extends string>(
  flag: string,
  text: string | undefined,
  choices: readonly [T, ...T[]],
  found: Violation[],
): T {
  const chosen = isSet(text) ? choices.find((choice) => choice === text) : choices[0];
  if (chosen !== undefined) return chosen;
  found.push(violation(flag, `"${text}" is none of ${choices.join(", ")}`));
  return choices[0];
}
