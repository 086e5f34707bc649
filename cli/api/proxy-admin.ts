import { request } from "node:http";
import { json } from "node:stream/consumers";

import type {
  ClustersJson,
  ConfigDumpJson,
  ConfigStateJson,
  DecisionsJson,
  ListenersJson,
  ReadyJson,
} from "../../data-plane/admin/admin-json.ts";
import { parseAddress } from "../../shared/address.ts";
import { ADMIN_CALL_TIMEOUT_MS } from "../../shared/defaults.ts";
import { TypeStatus_State, type Proxy } from "../../shared/wire/admin-api.ts";
import { CliError } from "../cli-error.ts";
import { EXIT } from "../exit-code.ts";
import { formatAge } from "../output/age.ts";

/** What each path of a proxy's admin port answers. */
interface Answers {
  readonly "/ready": ReadyJson;
  readonly "/config_dump": ConfigDumpJson;
  readonly "/clusters": ClustersJson;
  readonly "/listeners": ListenersJson;
  readonly "/decisions": DecisionsJson;
}

/** Asks a proxy's admin port; `address` is HOST:PORT. Works while the control plane is dead. */
export async function askProxy<Path extends keyof Answers>(address: string, path: Path): Promise<Answers[Path]> {
  const parsed = parseAddress(address);
  if (!parsed.ok) throw new CliError(parsed.error, EXIT.usage);
  const { host, port } = parsed.value;
  return new Promise((done, failed) => {
    const call = request({ host, port, path, timeout: ADMIN_CALL_TIMEOUT_MS }, (response) => {
      // /ready answers 503 with the same JSON while the proxy has no snapshot.
      json(response).then(
        (body) => done(body as Answers[Path]),
        (error: Error) => failed(unreachable(address, error.message)),
      ); // the contract of admin-json.ts
    });
    call.on("timeout", () => call.destroy(new Error("no answer in time")));
    call.on("error", (error: NodeJS.ErrnoException) => {
      failed(unreachable(address, error.code === "ECONNREFUSED" ? "connection refused" : error.message));
    });
    call.end();
  });
}

/** The line above every table that a proxy's own answer fills. */
export function describeSource(config: ConfigStateJson, address: string): string {
  const confirmed = config.source === "none" ? "" : ` r${config.revision}, confirmed ${formatAge(config.ageMs)} ago`;
  const state = config.connected
    ? "connected"
    : `control plane not connected${config.lastError === "" ? "" : `: ${config.lastError}`}`;
  return `source: proxy ${address}, ${config.source === "none" ? "no snapshot" : `${config.source} snapshot`}${confirmed} (${state})`;
}

/** A proxy's own account of itself, in the shape of the control plane's list. */
export function proxyOfReady({ proxy, config }: ReadyJson, address: string): Proxy {
  return {
    nodeId: proxy.name,
    service: proxy.service,
    version: proxy.version,
    kind: "heddle",
    connected: config.connected,
    since: config.connected ? new Date(proxy.startedWallMs) : new Date(Date.now() - config.ageMs),
    peer: "",
    adminAddress: address,
    snapshotSource: config.source,
    acknowledgedRevision: BigInt(config.revision),
    types: config.types.map(({ type, version, refused }) => ({
      type,
      state: refused === null ? TypeStatus_State.SYNCED : TypeStatus_State.NACKED,
      sentVersion: refused?.version ?? version,
      acknowledgedVersion: version,
      sentAt: undefined,
      answeredAt: undefined,
      nackReason: refused?.reason ?? "",
    })),
  };
}

function unreachable(address: string, reason: string): CliError {
  return new CliError(`proxy unreachable at ${address}: ${reason}`, EXIT.unreachable, [
    "its admin port is printed when it starts, and listed by: heddle ps -o wide",
  ]);
}
