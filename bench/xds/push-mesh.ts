import { fork, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { credentials } from "@grpc/grpc-js";

import { packageRoot } from "../../shared/package-root.ts";
import {
  ApplyBundleRequest,
  ApplyServiceEndpointRequest,
  MeshClient,
  ServiceEndpoint,
  ServiceEndpointsClient,
} from "../../shared/wire/admin-api.ts";
import { cpuUsOf, rssKbOf } from "../figures/process-tree.ts";
import { pause, Program } from "../peers/program.ts";
import { ENDPOINTS, type PushCase } from "./push-cases.ts";
import { monotonicMs, type SwarmCommand, type SwarmReport } from "./swarm.ts";

/** A control plane writes a profile when it ends, which may take long. */
const STOP_MS = 20_000;
/** Nothing that is waited for takes longer, on any machine that is worth a figure. */
const WAIT_MS_MAX = 120_000;
const ROWS_PER_BUNDLE = 5_000;

/**
 * A control plane on one core, and on the other a swarm of light clients, each with a TCP connection of its own. Started
 * for one case and ended after it.
 */
export class PushMesh {
  readonly #case: PushCase;
  readonly #profile: string | undefined;
  readonly #folder = mkdtempSync(join(tmpdir(), "heddle-push-"));
  readonly #swarm: ChildProcess;
  #control: Program | undefined = undefined;
  #addresses: Readonly<Record<string, string>> = {};

  constructor(pushCase: PushCase, profile: string | undefined) {
    this.#case = pushCase;
    this.#profile = profile;
    this.#swarm = fork(join(import.meta.dirname, "swarm.ts"), { execArgv: ["--max-old-space-size=8192"] });
    spawn("taskset", ["-cp", "1", String(this.#swarm.pid)], { stdio: "ignore" });
  }

  async startControlPlane(): Promise<void> {
    const profile = this.#profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${this.#profile}`];
    const ready = join(this.#folder, "ready.json");
    rmSync(ready, { force: true });
    const local = "127.0.0.1:0";
    const ports = ["--xds", this.#addresses["xds"] ?? local, "--admin", local, "--metrics", local];
    const files = ["--db", join(this.#folder, "heddle.db"), "--ready-file", ready, "--log-level", "error"];
    const entry = join(packageRoot, "control-plane/main.ts");
    this.#control = new Program("taskset", ["-c", "0", process.execPath, ...profile, entry, ...ports, ...files]);
    this.#addresses = await this.#control.ready(ready);
  }

  async fill(): Promise<void> {
    const rows: ServiceEndpoint[] = [];
    for (let service = 0; service < this.#case.services; service += 1) {
      for (let endpoint = 0; endpoint < ENDPOINTS; endpoint += 1) rows.push(endpointRow(service, endpoint, 1));
    }
    const mesh = new MeshClient(this.#addresses["admin"] ?? "", credentials.createInsecure());
    for (let start = 0; start < rows.length; start += ROWS_PER_BUNDLE) {
      const resources = rows.slice(start, start + ROWS_PER_BUNDLE);
      const request = ApplyBundleRequest.fromPartial({
        resources: resources.map((value) => ({ kind: { $case: "serviceEndpoint", value } })),
      });
      await new Promise<void>((resolve, reject) =>
        mesh.applyBundle(request, (error) => (error === null ? resolve() : reject(error))),
      );
    }
    mesh.close();
  }

  /** Settles when every stream has acknowledged all four types. */
  async connect(): Promise<void> {
    const { streams, services } = this.#case;
    const names = Array.from({ length: services }, (_, service) => `svc-${service}`);
    const ready = this.#reportOf("ready");
    this.#tell({ kind: "connect", address: this.#addresses["xds"] ?? "", streams, names });
    await ready;
  }

  async disconnect(): Promise<void> {
    const ready = this.#reportOf("ready");
    this.#tell({ kind: "close" });
    await ready;
  }

  /** Edits the weight of one endpoint. When each stream received that, in ms after the call, ascending. */
  async edit(count: number): Promise<readonly number[]> {
    this.#tell({ kind: "expect", type: "endpoints" });
    const received = this.#reportOf("received");
    // The swarm hears of it before the control plane does.
    await pause(50);
    const client = new ServiceEndpointsClient(this.#addresses["admin"] ?? "", credentials.createInsecure());
    const row = endpointRow(count % this.#case.services, 0, 2 + (count % 900));
    const startMs = monotonicMs();
    const applied = new Promise<void>((resolve, reject) =>
      client.apply(ApplyServiceEndpointRequest.fromPartial({ serviceEndpoint: row }), (error) =>
        error === null ? resolve() : reject(error),
      ),
    );
    try {
      const [{ atMs }] = await Promise.all([received, applied]);
      return atMs.map((ms) => ms - startMs).sort((a, b) => a - b);
    } finally {
      client.close();
    }
  }

  /** From the commit to the last ACK, summed over all pushes so far, and how many they were: the control plane's own metric. */
  async pushes(): Promise<{ readonly seconds: number; readonly count: number }> {
    const text = await (await fetch(`http://${this.#addresses["metrics"]}/metrics`)).text();
    const read = (name: string): number =>
      Number(new RegExp(`^heddle_push_seconds_${name} (.*)$`, "m").exec(text)?.[1]);
    return { seconds: read("sum"), count: read("count") };
  }

  cpuUs(): { readonly control: number; readonly swarm: number } {
    return { control: cpuUsOf([this.#control?.pid ?? 0]), swarm: cpuUsOf([this.#swarm.pid ?? 0]) };
  }

  rssKb(): number {
    return rssKbOf([this.#control?.pid ?? 0]);
  }

  /** As when the machine loses its power. */
  async killControlPlane(): Promise<void> {
    await this.#control?.stop(0);
  }

  async stop(): Promise<void> {
    this.#swarm.kill("SIGKILL");
    await this.#control?.stop(STOP_MS);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #tell(command: SwarmCommand): void {
    this.#swarm.send(command);
  }

  #reportOf<K extends SwarmReport["kind"]>(kind: K): Promise<Extract<SwarmReport, { kind: K }>> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(late);
        this.#swarm.off("message", onReport).off("exit", onExit);
      };
      const fail = (reason: string): void => {
        settle();
        reject(new Error(reason));
      };
      const late = setTimeout(() => fail(`no "${kind}" of the swarm within ${WAIT_MS_MAX / 1_000} s`), WAIT_MS_MAX);
      const onExit = (): void => fail("the swarm ended");
      const onReport = (report: SwarmReport): void => {
        if (report.kind === "lost") return fail(`a client lost its stream: ${report.reason}`);
        if (report.kind !== kind) return;
        settle();
        // Its kind was compared just now.
        resolve(report as Extract<SwarmReport, { kind: K }>);
      };
      this.#swarm.on("message", onReport).on("exit", onExit);
    });
  }
}

function endpointRow(service: number, endpoint: number, weight: number): ServiceEndpoint {
  return ServiceEndpoint.fromPartial({
    serviceName: `svc-${service}`,
    podIp: `10.${service >> 8}.${service & 255}.${endpoint + 1}`,
    port: 8080,
    weight,
  });
}
