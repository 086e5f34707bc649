import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";

import type { BreakerJson, ClusterJson, ClustersJson, EndpointJson } from "../../data-plane/admin/admin-json.ts";
import { parseAddress, type Address } from "../../shared/address.ts";
import { AdminClient } from "../chaos/admin-client.ts";
import { startHeddle, type HeddleProcess } from "../chaos/child.ts";
import { freePort } from "../chaos/ports.ts";
import { until } from "../chaos/until.ts";
import { ask } from "../support/proxies.ts";
import { Replica, type Sight } from "./replica.ts";
import type { AppBehaviour } from "./story-app.ts";

/** What a story needs of a mesh. */
export interface StoryGiven {
  /** Services, and how many replicas each has: an app and its proxy, by `heddle run`. */
  readonly services: Readonly<Record<string, number>>;
  /** Services that only call: a proxy each, by `heddle proxy`; the test is their app. */
  readonly callers?: readonly string[];
}

/** Columns of a ServicePolicy but its name, as the admin API has them. */
export type PolicyColumns = Readonly<Record<string, unknown>>;

/** A policy with nothing in it: every column that could help is off. What a story is measured against. */
export const NO_POLICIES: PolicyColumns = {
  retry_budget_percent: 100,
  retry_budget_min_per_sec: 1000,
  cb_threshold: 100,
  cb_consecutive_failures: 0,
  outlier_consecutive_5xx: 0,
};

/** A mesh of real processes: a control plane on SQLite, replicas, and the proxies of callers. All on free ports. */
export class StoryMesh {
  readonly #folder = mkdtempSync(join(tmpdir(), "heddle-story-"));
  readonly #replicas: Replica[] = [];
  readonly #callers = new Map<string, HeddleProcess>();
  #controlPlane: HeddleProcess | undefined;
  #admin: AdminClient | undefined;

  /** A mesh for the stories of the `describe` that calls this: started before them and ended after them, whatever happened. */
  static around(given: StoryGiven): StoryMesh {
    const mesh = new StoryMesh();
    before(() => mesh.#start(given));
    after(() => mesh.stop());
    return mesh;
  }

  async #start({ services, callers = ["web"] }: StoryGiven): Promise<void> {
    await this.#startControlPlane();
    const replicas = Object.entries(services).flatMap(([service, count]) =>
      Array.from({ length: count }, (_, at) => this.#startReplica(service, `${service}-${at + 1}`)),
    );
    await Promise.all([...replicas, ...callers.map((caller) => this.#startCaller(caller))]);
    for (const caller of callers) await this.knows(caller, services);
  }

  /** Settles when that caller would send to so many replicas of each service. */
  async knows(caller: string, services: Readonly<Record<string, number>>): Promise<void> {
    for (const [service, count] of Object.entries(services)) {
      await until(
        async () =>
          (await this.endpoints(caller, service)).filter(({ health }) => health === "healthy").length >= count,
        `${caller} knows ${count} replicas of ${service}`,
      );
    }
  }

  /** The outbound port of a caller's proxy. */
  caller(name: string): Address {
    return mustParse(this.#callerProcess(name).ready["outbound"]);
  }

  replicas(service: string): readonly Replica[] {
    return this.#replicas.filter((replica) => replica.service === service);
  }

  /** Applies a policy and settles when every proxy has it. Columns that are not named get their defaults. */
  async policy(service: string, columns: PolicyColumns): Promise<void> {
    await this.#admin?.call("ServicePolicies", "Apply", {
      service_policy: { service_name: service, ...columns },
      options: { author: "story" },
    });
    await this.#admin?.waitForAll();
  }

  /** All apps of the service behave like this from now on. */
  async behave(service: string, behaviour: AppBehaviour): Promise<void> {
    await Promise.all(this.replicas(service).map((replica) => replica.behave(behaviour)));
  }

  /** Requests that have reached the apps of the service. */
  async seenBy(service: string): Promise<number> {
    const counts = await Promise.all(this.replicas(service).map((replica) => replica.counts()));
    return counts.reduce((sum, { seen }) => sum + seen, 0);
  }

  /** All that the apps of the service have seen until now, one for each time. */
  async sights(service: string): Promise<readonly Sight[]> {
    const seen = await this.seenBy(service);
    const soFar = (): readonly Sight[] => this.replicas(service).flatMap(({ sights }) => sights);
    // The apps count at once, and their lines are on their way.
    await until(() => soFar().length >= seen, `${seen} sights of ${service}`);
    return soFar();
  }

  /** How the breaker of a caller's proxy for a service stands. */
  async breaker(caller: string, service: string): Promise<BreakerJson> {
    const [cluster] = await this.#clusters(caller, service);
    const breaker = cluster?.policies?.breaker;
    if (breaker === undefined || breaker === null) throw new Error(`no breaker of ${caller} for ${service}`);
    return breaker;
  }

  async endpoints(caller: string, service: string): Promise<readonly EndpointJson[]> {
    const clusters = await this.#clusters(caller, service);
    const all = clusters.find(({ version }) => version === "") ?? clusters[0];
    return all?.endpoints ?? [];
  }

  /** Ends every process, by its pid. */
  async stop(): Promise<void> {
    this.#admin?.close();
    const heddles = [...this.#callers.values(), ...(this.#controlPlane === undefined ? [] : [this.#controlPlane])];
    await Promise.all([
      ...this.#replicas.map((replica) => replica.kill()),
      ...heddles.map(({ child }) => child.kill()),
    ]);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #startControlPlane(): Promise<void> {
    const ports = ["--xds", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    const args = ["control-plane", "--db", join(this.#folder, "mesh.db"), ...ports];
    this.#controlPlane = await startHeddle("control-plane", args, this.#folder);
    this.#admin = new AdminClient(this.#controlPlane.ready["admin"] ?? "");
  }

  async #startReplica(service: string, name: string): Promise<void> {
    const inbound = `127.0.0.1:${await freePort()}`;
    const replica = new Replica({ service, name, inbound, appPort: await freePort() });
    this.#replicas.push(replica);
    await replica.start(this.#folder, this.#proxyArgs(name));
  }

  async #startCaller(name: string): Promise<void> {
    const args = ["proxy", "--service", name, ...this.#proxyArgs(name)];
    this.#callers.set(name, await startHeddle(name, args, this.#folder));
  }

  #proxyArgs(name: string): string[] {
    const where = ["--control-plane", this.#controlPlane?.ready["xds"] ?? "", "--state", join(this.#folder, name)];
    const ports = ["--outbound", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    return ["--name", name, "--access-log", "off", ...where, ...ports];
  }

  async #clusters(caller: string, service: string): Promise<readonly ClusterJson[]> {
    const admin = mustParse(this.#callerProcess(caller).ready["admin"]);
    const { body } = await ask(admin, { path: "/clusters" });
    const answer: ClustersJson = JSON.parse(body);
    return answer.clusters.filter((cluster) => cluster.service === service);
  }

  #callerProcess(name: string): HeddleProcess {
    const started = this.#callers.get(name);
    if (started === undefined) throw new Error(`no caller ${name} in this story`);
    return started;
  }
}

function mustParse(text: string | undefined): Address {
  const parsed = parseAddress(text ?? "");
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}
