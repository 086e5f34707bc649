import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { stringify } from "yaml";

import { packageRoot } from "../../shared/package-root.ts";
import { DIRECT_SERVICE, MESH_SERVICE, RETRIES, SERVICES, TIMEOUT_MS, V1_PERCENT } from "./peer.ts";
import type { RunningPeer, Site } from "./peer.ts";
import { answering } from "./answering.ts";
import { Program } from "./program.ts";

const entry = join(packageRoot, "cli", "heddle.mjs");
const CALLER = "web";

/** The bench says everything in flags: variables of the person who runs it must not leak into the mesh. */
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("HEDDLE_")));

/** The real program: a control plane with rows in it, and proxies that it feeds; one of them with several workers if wanted. */
export async function startHeddle(site: Site, withWorkers: boolean): Promise<readonly RunningPeer[]> {
  const programs: Program[] = [];
  const stop = async (): Promise<void> => void (await Promise.all(programs.map((program) => program.stop())));
  const start = async (name: string, args: readonly string[]): Promise<[number, Readonly<Record<string, string>>]> => {
    const readyFile = join(site.folder, `${name}.json`);
    const program = heddle([...args, "--ready-file", readyFile, "--log-level", "error"]);
    programs.push(program);
    return [program.pid, await program.ready(readyFile)];
  };
  try {
    const db = join(site.folder, "heddle.db");
    const [, control] = await start("control-plane", ["control-plane", "--db", db, "--xds", LOCAL, "--admin", LOCAL]);
    await apply(site, control["admin"] ?? "");
    const proxy = (name: string, ...flags: string[]): ReturnType<typeof start> =>
      start(name, proxyArguments(site, name, control["xds"] ?? "", flags));
    const app = `127.0.0.1:${site.v1Port}`;
    const [calleePid, callee] = await proxy("callee", "--service", MESH_SERVICE, "--version", "v1", "--app", app);
    const [callerPid, caller] = await proxy("caller", "--service", CALLER);
    const log = join(site.folder, "access.log");
    const [loggingPid, logging] = await proxy("logging", "--service", CALLER, "--access-log", log);
    const outbound = { port: portOf(caller["outbound"]), authority: DIRECT_SERVICE, pids: [callerPid] };
    const inbound = { port: portOf(callee["inbound"]), authority: MESH_SERVICE, pids: [calleePid] };
    const mesh = { port: outbound.port, authority: MESH_SERVICE, pids: [callerPid, calleePid] };
    const logged = { port: portOf(logging["outbound"]), authority: DIRECT_SERVICE, pids: [loggingPid] };
    for (const door of [outbound, inbound, mesh, logged]) await answering(door);
    const version = `${ownVersion()} on Node ${process.version}`;
    const peers: RunningPeer[] = [
      { name: "heddle", version, doors: { outbound, inbound, mesh }, stop },
      { name: "heddle-log", version, doors: { outbound: logged }, stop: async () => undefined },
    ];
    if (!withWorkers) return peers;
    const [pid, several] = await proxy("several", "--service", CALLER, "--workers", WORKERS);
    const shared = { port: portOf(several["outbound"]), authority: DIRECT_SERVICE, pids: [pid] };
    await answering(shared);
    return [...peers, { name: "heddle-workers", version, doors: { outbound: shared }, stop: async () => undefined }];
  } catch (error) {
    await stop();
    throw error;
  }
}

const WORKERS = "2";
const LOCAL = "127.0.0.1:0";

function ownVersion(): string {
  // Every package.json has a version.
  return (JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8")) as { version: string }).version;
}

/** A `heddle` command as a process of its own, on the Node that runs the bench. */
export function heddle(args: readonly string[]): Program {
  return new Program(process.execPath, [entry, ...args], environment);
}

export function proxyArguments(
  site: Pick<Site, "folder">,
  name: string,
  xds: string,
  flags: readonly string[],
): readonly string[] {
  const addresses = ["--outbound", LOCAL, "--inbound", LOCAL, "--admin", LOCAL];
  const state = ["--state", join(site.folder, `state-${name}`)];
  const log = flags.includes("--access-log") ? [] : ["--access-log", "off"];
  return ["proxy", "--name", name, "--control-plane", xds, ...addresses, ...state, ...log, ...flags];
}

/**
 * Twenty services with a policy, two versions and a split each. Forced: the mesh's service gets the endpoint of its version
 * v1 only when its proxy starts.
 */
export async function apply(site: Site, admin: string): Promise<void> {
  const file = join(site.folder, "mesh.yaml");
  writeFileSync(
    file,
    SERVICES.flatMap((service) => rowsOf(service, site))
      .map((row) => stringify(row))
      .join("---\n"),
  );
  await promisify(execFile)(process.execPath, [entry, "apply", "--force", "-f", file, "--server", admin], {
    env: environment,
  });
}

function rowsOf(service: string, site: Site): readonly object[] {
  const endpoint = { kind: "ServiceEndpoint", service_name: service, pod_ip: "127.0.0.1" };
  const v1 = service === MESH_SERVICE ? [] : [{ ...endpoint, port: site.v1Port, version: "v1" }];
  const v1Weight = service === MESH_SERVICE ? 100 : V1_PERCENT;
  return [
    { kind: "ServicePolicy", service_name: service, retry_attempts: RETRIES + 1, timeout_ms: TIMEOUT_MS },
    ...v1,
    { ...endpoint, port: site.v2Port, version: "v2" },
    {
      kind: "TrafficSplit",
      source_service: CALLER,
      destination_service: service,
      v1_weight: v1Weight,
      v2_weight: 100 - v1Weight,
      header_match: { "x-canary": "true" },
    },
  ];
}

export function portOf(address: string | undefined): number {
  return Number(address?.split(":").at(-1));
}
