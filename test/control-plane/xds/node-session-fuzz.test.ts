import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ClusterHistory } from "../../../control-plane/xds/cluster-history.ts";
import { NameSet } from "../../../control-plane/xds/name-set.ts";
import { NodeSession, type Outgoing } from "../../../control-plane/xds/node-session.ts";
import {
  PUSHED_TYPES,
  revisionIn,
  type EncodedResource,
  type NodeSnapshot,
  type PushedType,
} from "../../../control-plane/xds/resource-set.ts";
import { seededRandom, type Random } from "../../../shared/random.ts";
import { snapshotOf, type World } from "../../support/resource-sets.ts";

// Random worlds: a server and a node, messages that cross on the wire, refusals, broken streams. Invariants of style.md
// 3.2 and xds.md 5.4 E are checked at every step.

const WORLDS = 1_500;
const STEPS = 60;
const NAMES = ["a", "b", "c", "d"];

interface Request {
  readonly type: PushedType;
  readonly names: readonly string[];
  readonly nonce: string;
  readonly version: string;
  readonly error: string | undefined;
}

/** A proxy as Envoy is one: what it accepted it uses at once; endpoints follow the clusters, the table the listener. */
class FakeNode {
  readonly held: Record<PushedType, Map<string, EncodedResource>> = {
    clusters: new Map(),
    endpoints: new Map(),
    listeners: new Map(),
    routes: new Map(),
  };
  readonly #versions = new Map<PushedType, string>();
  readonly #nonces = new Map<PushedType, string>();
  readonly #asked = new Map<PushedType, string>();
  /** Clusters whose endpoints have not come since the cluster was added or changed. */
  readonly warming = new Set<string>();
  /** Clusters whose endpoints came while it was in the list, refused or not. */
  readonly told = new Set<string>();

  opens(): Request[] {
    this.#nonces.clear();
    this.#asked.clear();
    return [
      this.#ask("clusters", undefined),
      ...this.#follow("endpoints"),
      this.#ask("listeners", undefined),
      ...this.#follow("routes"),
    ];
  }

  /** Takes a response, or refuses it. */
  receives({ payload, nonce }: Outgoing, refuses: boolean): Request[] {
    const { type } = payload;
    this.#nonces.set(type, nonce);
    if (refuses) {
      if (type === "endpoints") for (const { name } of payload.resources) this.told.add(name);
      return [this.#ask(type, "no")];
    }
    assert.ok(revisionIn(payload.version) >= revisionIn(this.#versions.get(type) ?? ""), "a version went back");
    this.#versions.set(type, payload.version);
    if (type === "clusters" || type === "listeners") this.#replace(type, payload.resources);
    else for (const resource of payload.resources) this.#take(type, resource);
    return [this.#ask(type, undefined), ...this.#follow("endpoints"), ...this.#follow("routes")];
  }

  #replace(type: "clusters" | "listeners", resources: readonly EncodedResource[]): void {
    const before = this.held[type];
    this.held[type] = new Map(resources.map((resource) => [resource.name, resource]));
    if (type === "listeners") return;
    for (const resource of resources) if (before.get(resource.name) !== resource) this.warming.add(resource.name);
    for (const name of before.keys()) {
      if (this.held.clusters.has(name)) continue;
      this.held.endpoints.delete(name);
      this.told.delete(name);
      this.warming.delete(name);
    }
  }

  #take(type: "endpoints" | "routes", resource: EncodedResource): void {
    if (!this.#wants(type).includes(resource.name)) return;
    this.held[type].set(resource.name, resource);
    if (type === "endpoints") this.told.add(resource.name);
    this.warming.delete(resource.name);
  }

  #wants(type: PushedType): readonly string[] {
    if (type === "endpoints") return [...this.held.clusters.keys()];
    return type === "routes" && this.held.listeners.has("outbound") ? ["outbound"] : [];
  }

  #follow(type: "endpoints" | "routes"): Request[] {
    const names = this.#wants(type).join();
    return names === (this.#asked.get(type) ?? "") ? [] : [this.#ask(type, undefined)];
  }

  #ask(type: PushedType, error: string | undefined): Request {
    const names = this.#wants(type);
    this.#asked.set(type, names.join());
    const [version, nonce] = [this.#versions.get(type) ?? "", this.#nonces.get(type) ?? ""];
    return { type, names, version, nonce, error };
  }
}

class Simulation {
  readonly #random: Random;
  readonly #history = new ClusterHistory();
  readonly node = new FakeNode();
  session: NodeSession;
  snapshot: NodeSnapshot;
  #revision = 1;
  #toNode: Outgoing[] = [];
  #toServer: Request[] = [];
  readonly #unanswered = new Map<PushedType, string>();
  readonly #refused = new Map<PushedType, string>();
  #nowMs = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.snapshot = snapshotOf(this.#world(), 1);
    this.session = this.#connect();
  }

  #world(): World {
    const chosen = NAMES.filter(() => this.#random.below(2) === 0);
    const clusters = chosen.length === 0 ? ["a"] : chosen;
    const content = (): string => String(this.#random.below(3));
    return {
      clusters: Object.fromEntries(clusters.map((name) => [name, content()])),
      endpoints: Object.fromEntries(clusters.map((name) => [name, content()])),
      routes: clusters.filter(() => this.#random.below(3) > 0),
    };
  }

  #connect(): NodeSession {
    const session = new NodeSession(true, this.#history);
    session.onSnapshot(this.snapshot);
    this.#unanswered.clear();
    this.#refused.clear();
    this.#toNode = [];
    this.#toServer = this.node.opens();
    return session;
  }

  step(): void {
    this.#nowMs += this.#random.below(4);
    const kind = this.#random.below(20);
    if (kind === 0) this.#publish();
    else if (kind === 1 && this.#random.below(3) === 0) this.session = this.#connect();
    else if (kind < 11) this.#deliverToServer();
    else this.#deliverToNode(this.#random.below(12) === 0);
  }

  #publish(): void {
    this.#revision += 1;
    this.snapshot = snapshotOf(this.#world(), this.#revision, this.snapshot);
    this.session.onSnapshot(this.snapshot);
    this.#pump();
  }

  #deliverToServer(): void {
    const request = this.#toServer.shift();
    if (request === undefined) return;
    const wasStale = request.nonce !== "" && request.nonce !== this.session.subscription(request.type).sentNonce;
    const kind = this.session.onRequest(request.type, { ...request, names: new NameSet(request.names) }, this.#nowMs);
    if (wasStale) assert.equal(kind, "stale");
    if (kind === "ack" || kind === "nack") this.#unanswered.delete(request.type);
    if (kind === "stale") return assert.equal(this.session.next(this.#nowMs), undefined, "a stale nonce was answered");
    this.#pump();
  }

  #pump(): void {
    for (;;) {
      const out = this.session.next(this.#nowMs);
      if (out === undefined) return;
      const { type, resources } = out.payload;
      assert.ok(!this.#unanswered.has(type), `two unanswered responses of ${type}`);
      this.#unanswered.set(type, out.nonce);
      if (type === "clusters") {
        assert.ok(resources.length > 0, "an empty cluster list of a mesh that has some");
        const content = JSON.stringify(resources.map((resource) => resource.version));
        assert.notEqual(content, this.#refused.get(type), "what was refused was sent again");
      }
      this.#toNode.push(out);
    }
  }

  #deliverToNode(refuses: boolean): void {
    const out = this.#toNode.shift();
    if (out === undefined) return;
    const { type, resources } = out.payload;
    if (refuses) this.#refused.set(type, JSON.stringify(resources.map((resource) => resource.version)));
    else this.#refused.delete(type);
    this.#toServer.push(...this.node.receives(out, refuses));
    this.#checkNode();
  }

  /** The node never has a route to a cluster that it lacks or whose endpoints it never got. */
  #checkNode(): void {
    for (const table of this.node.held.routes.values()) {
      for (const cluster of table.clusters) {
        assert.ok(this.node.held.clusters.has(cluster), `a route to the missing cluster ${cluster}`);
        assert.ok(this.node.told.has(cluster), `a route to ${cluster}, which never got endpoints`);
      }
    }
  }

  /** A last snapshot that differs from all before it in every resource, delivered without losses. */
  settle(): void {
    this.#revision += 1;
    const content = `final ${this.#revision}`;
    const both = { a: content, d: content };
    const world = { clusters: both, endpoints: both, routes: ["d"], listener: content };
    this.snapshot = snapshotOf(world, this.#revision, this.snapshot);
    this.session.onSnapshot(this.snapshot);
    for (let turn = 0; turn < 200; turn += 1) {
      this.#nowMs += 10;
      this.#pump();
      this.#deliverToServer();
      this.#deliverToNode(false);
    }
    for (const type of PUSHED_TYPES) {
      assert.deepEqual(
        [...this.node.held[type].values()].map((one) => one.version).sort(),
        [...this.snapshot[type].resources.values()].map((one) => one.version).sort(),
        `${type} did not converge`,
      );
    }
    assert.deepEqual([...this.node.warming], [], "a cluster still waits for its endpoints");
    assert.equal(this.session.settledRevision, this.#revision);
  }
}

describe("random worlds", () => {
  it(`keep every invariant and converge (${WORLDS} seeds)`, () => {
    for (let seed = 0; seed < WORLDS; seed += 1) {
      try {
        const simulation = new Simulation(seed);
        for (let step = 0; step < STEPS; step += 1) simulation.step();
        simulation.settle();
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
  });
});
