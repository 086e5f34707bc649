import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { parseAddress, type Address } from "../../shared/address.ts";
import { adminClient, type AdminClient } from "../api/admin-client.ts";
import { CliError } from "../cli-error.ts";
import { freePort } from "./free-port.ts";
import { HeddleProcess } from "./heddle-process.ts";

/** One instance of a service: its proxy, and the program beside it. */
export interface Instance {
  readonly name: string;
  readonly service: string;
  readonly version: string;
  /** Undefined: whoever calls the outbound listener of its proxy is its program. */
  readonly program: Program | undefined;
}

/** A program of this folder; it is told its service, its version, its port, and `args`. */
export interface Program {
  /** Without its extension: source in a checkout, compiled in a package. */
  readonly file: string;
  readonly args: readonly string[];
}

type Port = "inbound" | "outbound" | "admin";

/** A process gets this long to stop before it is killed. */
const STOP_MS = 4_000;

/** The processes of the demo, all children of this one, in a folder of their own. */
export class DemoMesh {
  readonly folder = mkdtempSync(join(tmpdir(), "heddle-demo-"));
  readonly instances: readonly Instance[];
  readonly #instances = new Map<string, { process: HeddleProcess; addresses: Readonly<Record<string, string>> }>();
  readonly #onSeen: (service: string, ids: readonly string[]) => void;
  #controlPlane: HeddleProcess | undefined;
  #addresses: Readonly<Record<string, string>> = {};
  #client: AdminClient | undefined;

  /** `onSeen` is told the ids of the requests that reached the programs of a service. */
  constructor(instances: readonly Instance[], onSeen: (service: string, ids: readonly string[]) => void) {
    this.instances = instances;
    this.#onSeen = onSeen;
  }

  /** Where operators connect; it stays the same when the control plane is started again. */
  get server(): string {
    return this.#addresses["admin"] ?? "";
  }

  get admin(): AdminClient {
    if (this.#client === undefined) throw new CliError("the control plane was not started");
    return this.#client;
  }

  get controlPlanePid(): number {
    return this.#controlPlane?.pid ?? 0;
  }

  pidOf(instance: string): number {
    return this.#instances.get(instance)?.process.pid ?? 0;
  }

  addressOf(instance: string, port: Port): string {
    return this.#instances.get(instance)?.addresses[port] ?? "";
  }

  /** The same for whoever connects to it. */
  entrance(instance: string, port: Port): Address {
    const address = parseAddress(this.addressOf(instance, port));
    if (!address.ok) throw new CliError(address.error);
    return address.value;
  }

  /** One line to the stdin of an instance's program. */
  tell(instance: string, line: string): void {
    this.#instances.get(instance)?.process.tell(line);
  }

  /** Starts it, or starts it again at the same addresses on the same file. */
  async startControlPlane(): Promise<void> {
    const { xds = "127.0.0.1:0", admin = "127.0.0.1:0" } = this.#addresses;
    const args = ["control-plane", "--db", join(this.folder, "mesh.db"), "--xds", xds, "--admin", admin];
    this.#controlPlane = new HeddleProcess("control-plane", this.folder, args, () => {});
    this.#addresses = await this.#controlPlane.ready();
    this.#client?.close();
    this.#client = adminClient(this.server);
  }

  /** As a crash would: nothing is written, nobody is told. */
  async killControlPlane(): Promise<void> {
    this.#controlPlane?.signal("SIGKILL");
    await this.#controlPlane?.exited;
  }

  async startInstances(): Promise<void> {
    await Promise.all(this.instances.map((instance) => this.#startInstance(instance)));
  }

  /** Stops an instance as an operator would (it drains), and starts it again at the addresses its peers know. */
  async restartInstance(name: string): Promise<void> {
    const running = this.#instances.get(name);
    const instance = this.instances.find((candidate) => candidate.name === name);
    if (running === undefined || instance === undefined) throw new CliError(`no instance ${name}`);
    await running.process.stop(STOP_MS);
    await this.#startInstance(instance);
  }

  /** Ends every process, patiently, then at once. */
  async stop(): Promise<void> {
    const instances = [...this.#instances.values()];
    await Promise.all(instances.map(({ process }) => process.stop(STOP_MS)));
    await this.#controlPlane?.stop(STOP_MS);
  }

  /** Ends every process now; {@link gone} settles when they are. */
  kill(): void {
    for (const { process } of this.#instances.values()) process.kill();
    this.#controlPlane?.kill();
  }

  /** The last of it: nothing runs any more, and the folder is removed. */
  async gone(): Promise<void> {
    await Promise.all([...this.#instances.values()].map(({ process }) => process.exited));
    await this.#controlPlane?.exited;
    this.#client?.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #startInstance(instance: Instance): Promise<void> {
    const { name, service, version, program } = instance;
    // Peers go on calling an address that they know from before the control plane died.
    const inbound = this.addressOf(name, "inbound") || "127.0.0.1:0";
    const listening = Promise.withResolvers<void>();
    if (program === undefined) listening.resolve();
    const onLine = (line: string): void => {
      const [word, ...rest] = line.split(" ");
      // Requests without an id are not of the traffic.
      if (word === "seen")
        this.#onSeen(
          service,
          rest.filter((id) => id !== ""),
        );
      if (word === "listening") listening.resolve();
    };
    const flags = [
      ["--service", service, "--version", version, "--name", name],
      ["--control-plane", this.#addresses["xds"] ?? "", "--state", join(this.folder, name), "--access-log", "off"],
      ["--outbound", "127.0.0.1:0", "--inbound", inbound, "--admin", "127.0.0.1:0", "--log-level", "warn"],
    ];
    const args =
      program === undefined
        ? ["proxy", ...flags.flat()]
        : ["run", ...flags.flat(), ...(await beside(instance, program))];
    const child = new HeddleProcess(name, this.folder, args, onLine);
    const running = { process: child, addresses: this.#instances.get(name)?.addresses ?? {} };
    this.#instances.set(name, running);
    running.addresses = await child.ready();
    await Promise.race([listening.promise, child.exited.then(() => failed(child))]);
  }
}

/** The last flags of `heddle run`: the program, and the port that it is given. */
async function beside({ service, version }: Instance, { file, args }: Program): Promise<readonly string[]> {
  const port = String(await freePort());
  const path = fileURLToPath(new URL(`./${file}${extname(import.meta.url)}`, import.meta.url));
  return ["--app", `127.0.0.1:${port}`, "--", process.execPath, path, service, version, port, ...args];
}

function failed(child: HeddleProcess): never {
  throw new CliError(`${child.name} ended:\n${child.lastWords()}`);
}
