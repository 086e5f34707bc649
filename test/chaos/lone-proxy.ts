import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { parseAddress, type Address } from "../../shared/address.ts";
import { ask } from "../support/proxies.ts";
import { startHeddle, type HeddleProcess } from "./child.ts";

/** Nobody calls what is there (RFC 863, discard). */
const UNUSED_PORT = 9;

/**
 * A control plane and one proxy in processes of their own, and an app of the test's at `appPort` behind its inbound port:
 * for what is counted in a process as operators run it.
 */
export class LoneProxy {
  readonly #folder = mkdtempSync(join(tmpdir(), "heddle-lone-"));
  readonly #nodeFlags: readonly string[];
  #controlPlane: HeddleProcess | undefined;
  #proxy: HeddleProcess | undefined;

  /** `nodeFlags` are those of the proxy's Node. */
  constructor(nodeFlags: readonly string[] = []) {
    this.#nodeFlags = nodeFlags;
  }

  async start(appPort: number, flags: readonly string[] = []): Promise<void> {
    const anyPort = "127.0.0.1:0";
    const own = ["--db", join(this.#folder, "mesh.db"), "--xds", anyPort, "--admin", anyPort];
    this.#controlPlane = await startHeddle("control-plane", ["control-plane", ...own], this.#folder);
    const options = { nodeFlags: this.#nodeFlags };
    this.#proxy = await startHeddle("proxy", this.#args("reviews", appPort, flags), this.#folder, options);
  }

  /** One more proxy of the same mesh, of the service "web", whose app is nobody. */
  startCaller(flags: readonly string[]): Promise<HeddleProcess> {
    return startHeddle("caller", this.#args("web", UNUSED_PORT, flags), this.#folder);
  }

  #args(service: string, appPort: number, flags: readonly string[]): readonly string[] {
    const ports = ["--inbound", "--outbound", "--admin"].flatMap((flag) => [flag, "127.0.0.1:0"]);
    const where = ["--control-plane", this.#controlPlane?.ready["xds"] ?? "", "--app", `127.0.0.1:${appPort}`];
    return ["proxy", "--service", service, ...where, ...ports, "--access-log", "off", ...flags];
  }

  /** Where requests to the app are sent. */
  get inbound(): Address {
    return mustParse(this.#proxy?.ready["inbound"]);
  }

  get pid(): number {
    return this.#proxy?.child.pid ?? -1;
  }

  get alive(): boolean {
    return this.#proxy?.child.alive ?? false;
  }

  /** Resident memory now. */
  residentBytes(): number {
    const status = readFileSync(`/proc/${this.#proxy?.child.pid}/status`, "latin1");
    return 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]);
  }

  /** Each metric by its name, summed over its labels; 0 for one that it does not have yet. */
  async metrics(): Promise<(name: string) => number> {
    const sums = new Map<string, number>();
    for (const line of (await this.#metricsText()).split("\n")) {
      const [, name, value] = /^(\w+)(?:\{.*\})? (\S+)$/.exec(line) ?? [];
      if (name !== undefined) sums.set(name, (sums.get(name) ?? 0) + Number(value));
    }
    return (name) => sums.get(name) ?? 0;
  }

  signal(signal: NodeJS.Signals): void {
    this.#proxy?.child.signal(signal);
  }

  lastWords(): string {
    return this.#proxy?.child.lastWords() ?? "";
  }

  async stop(): Promise<void> {
    await Promise.all([this.#proxy?.child.kill(), this.#controlPlane?.child.kill()]);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #metricsText(): Promise<string> {
    const { body } = await ask(mustParse(this.#proxy?.ready["admin"]), { path: "/metrics" });
    return body;
  }
}

function mustParse(words: string | undefined): Address {
  const parsed = parseAddress(words ?? "");
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}
