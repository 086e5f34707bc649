import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { formatAddress, parseAddress, type Address } from "../../shared/address.ts";
import { TcpGate } from "../support/tcp-gate.ts";
import { AdminClient } from "./admin-client.ts";
import { Child, startHeddle, startUnready, type HeddleProcess } from "./child.ts";
import { acceptsConnections, freePort } from "./ports.ts";

/** One instance of the service under test: its app, and the proxy beside it. */
export interface Instance {
  readonly name: string;
  readonly app: Child;
  readonly appAddress: string;
  proxy: HeddleProcess;
}

/** What the apps saw: for each request id, which instance served it and how often. */
export interface Sighting {
  readonly instance: string;
  readonly method: string;
}

/**
 * A mesh of real processes: a control plane behind a gate, `replicas` instances of `reviews`, and the proxy of a caller
 * named `web`. Addresses that peers remember (the gate, the inbound listeners) stay the same over restarts.
 */
export class ChaosMesh {
  readonly folder = mkdtempSync(join(tmpdir(), "heddle-chaos-"));
  readonly seen = new Map<string, Sighting[]>();
  readonly instances: Instance[] = [];
  readonly #gate = new TcpGate(() => this.#xds);
  #xds: Address = { host: "127.0.0.1", port: 1 };
  #gateAddress = "";
  #controlPlane: HeddleProcess | undefined;
  #web: HeddleProcess | undefined;
  #herd: Child | undefined;
  #callers = 1;
  #replicas = 0;
  admin: AdminClient | undefined;

  async start(replicas: number): Promise<void> {
    this.#gateAddress = formatAddress(await this.#gate.listen());
    await this.startControlPlane();
    for (let n = 1; n <= replicas; n += 1) await this.addInstance();
    this.#web = await startHeddle("web-1", this.#proxyArgs("web", "web-1", ["--outbound", "127.0.0.1:0"]), this.folder);
    await this.admin?.waitForAll();
  }

  /** Adds proxies that only hold streams, all in one process. */
  async startHerd(count: number): Promise<void> {
    const started = Promise.withResolvers<void>();
    const args = ["test/chaos/herd.ts", this.#gateAddress, String(count)];
    this.#herd = new Child("herd", args, (line) => line.startsWith("connected") && started.resolve());
    await started.promise;
  }

  /** Where the caller's requests go. */
  get outbound(): Address {
    return mustParse(this.#web?.ready["outbound"] ?? "");
  }

  /** Where the caller's proxy tells of itself. */
  get callerAdmin(): Address {
    return mustParse(this.#web?.ready["admin"] ?? "");
  }

  get controlPlane(): Child {
    if (this.#controlPlane === undefined) throw new Error("the control plane was not started");
    return this.#controlPlane.child;
  }

  async startControlPlane(): Promise<void> {
    const args = [
      "control-plane",
      "--db",
      join(this.folder, "mesh.db"),
      "--xds",
      "127.0.0.1:0",
      "--admin",
      "127.0.0.1:0",
    ];
    this.#controlPlane = await startHeddle("control-plane", args, this.folder);
    this.#xds = mustParse(this.#controlPlane.ready["xds"] ?? "");
    this.admin?.close();
    this.admin = new AdminClient(this.#controlPlane.ready["admin"] ?? "");
  }

  partition(): void {
    this.#gate.set("hold");
  }

  heal(): void {
    this.#gate.set("open");
  }

  /** Stops the instance's proxy (gracefully) and starts it again at the same address; its app runs on. */
  async restartProxy(instance: Instance): Promise<void> {
    const inbound = instance.proxy.ready["inbound"] ?? "";
    await instance.proxy.child.terminate();
    instance.proxy = await this.#startProxy(instance.name, instance.appAddress, inbound);
  }

  /**
   * Puts a new proxy in the caller's place, started from a copy of the old one's stored snapshot, and moves the load to it
   * as soon as it takes connections. With `forgetSnapshot` the new one starts from nothing: the negative control.
   */
  async replaceCaller(forgetSnapshot: boolean): Promise<void> {
    const old = this.#web;
    const name = `web-${(this.#callers += 1)}`;
    if (!forgetSnapshot) cpSync(this.#stateDir("web-1"), this.#stateDir(name), { recursive: true });
    const outbound = `127.0.0.1:${await freePort()}`;
    const args = this.#proxyArgs("web", name, ["--outbound", outbound]);
    const child = forgetSnapshot ? startUnready(name, args) : (await startHeddle(name, args, this.folder)).child;
    await acceptsConnections(mustParse(outbound));
    this.#web = { child, ready: { outbound } };
    await old?.child.terminate();
  }

  async addInstance(): Promise<void> {
    this.#replicas += 1;
    this.instances.push(await this.#startInstance(`reviews-${this.#replicas}`));
  }

  /** Kills app and proxy at once, as a crashed host would. */
  async killInstance(instance: Instance): Promise<void> {
    await Promise.all([instance.proxy.child.kill(), instance.app.kill()]);
    this.instances.splice(this.instances.indexOf(instance), 1);
  }

  async stop(): Promise<void> {
    this.admin?.close();
    const children = this.instances.flatMap(({ app, proxy }) => [app, proxy.child]);
    if (this.#web !== undefined) children.push(this.#web.child);
    if (this.#herd !== undefined) children.push(this.#herd);
    if (this.#controlPlane !== undefined) children.push(this.#controlPlane.child);
    await Promise.all(children.map((child) => child.kill()));
    await this.#gate.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  lastWords(): string {
    const children = [this.#controlPlane?.child, this.#web?.child, ...this.instances.map(({ proxy }) => proxy.child)];
    return children.map((child) => child?.lastWords() ?? "").join("\n");
  }

  async #startInstance(name: string): Promise<Instance> {
    const { app, port } = await this.#startApp(name);
    const appAddress = `127.0.0.1:${port}`;
    return { name, app, appAddress, proxy: await this.#startProxy(name, appAddress, "127.0.0.1:0") };
  }

  async #startApp(name: string): Promise<{ app: Child; port: number }> {
    const listening = Promise.withResolvers<number>();
    const app = new Child(name, ["test/chaos/echo-app.ts", name], (line) => {
      const [word, first = "", id = ""] = line.split(" ");
      if (word === "listening") listening.resolve(Number(first));
      if (word === "seen") this.#sighted(id, { instance: name, method: first });
    });
    return { app, port: await listening.promise };
  }

  async #startProxy(name: string, appAddress: string, inbound: string): Promise<HeddleProcess> {
    const own = ["--version", "v1", "--app", appAddress, "--inbound", inbound, "--outbound", "127.0.0.1:0"];
    return await startHeddle(name, this.#proxyArgs("reviews", name, own), this.folder);
  }

  #proxyArgs(service: string, name: string, own: readonly string[]): string[] {
    const where = ["--control-plane", this.#gateAddress, "--admin", "127.0.0.1:0", "--state", this.#stateDir(name)];
    return ["proxy", "--service", service, "--name", name, ...where, ...own];
  }

  #stateDir(name: string): string {
    return join(this.folder, "state", name);
  }

  #sighted(id: string, sighting: Sighting): void {
    const before = this.seen.get(id);
    if (before === undefined) this.seen.set(id, [sighting]);
    else before.push(sighting);
  }
}

function mustParse(text: string): Address {
  const parsed = parseAddress(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}
