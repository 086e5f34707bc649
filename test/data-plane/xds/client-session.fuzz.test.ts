import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ClientSession } from "../../../data-plane/xds/client-session.ts";
import { RESOURCE_TYPES, type RawResource, type ResourceType } from "../../../data-plane/xds/discovery-message.ts";
import { noHoldings, routedClusters, stage, toSnapshot, type Holdings } from "../../../data-plane/xds/holdings.ts";
import type { SessionRequest, SessionResponse, StoredSnapshot } from "../../../data-plane/xds/discovery-message.ts";
import type { Outcome } from "../../../data-plane/xds/session-outcome.ts";
import { unreachable } from "../../../shared/assert.ts";
import { RESOURCE_WAIT_MS } from "../../../shared/defaults.ts";
import type { Snapshot } from "../../../shared/model/snapshot.ts";
import { seededRandom, type Random } from "../../../shared/random.ts";
import { ok } from "../../../shared/result.ts";
import { jsonDecoder, raw } from "../../support/json-decoder.ts";
import { assignment, cluster, listener, routeConfig } from "../../support/session-resources.ts";

/** One published state of the server: everything consistent, as the snapshot builder makes it. */
interface World {
  readonly revision: number;
  readonly marks: ReadonlyMap<string, number>;
  /** Listeners; each has a route table of its name that names all clusters. */
  readonly listeners: readonly string[];
  /** A type in which one resource is bad in this revision. */
  readonly badType: ResourceType | undefined;
}

function nextWorld(before: World | undefined, random: Random, isLast: boolean): World {
  const marks = new Map(before?.marks);
  for (const name of ["a", "b", "c", "d"]) {
    const draw = random.unit();
    if (draw < 0.2) marks.delete(name);
    else if (draw < 0.5) marks.set(name, random.below(3));
  }
  const listeners = ["in", "out"].filter(() => random.unit() < 0.8);
  const badType = !isLast && random.unit() < 0.3 ? RESOURCE_TYPES[random.below(4)] : undefined;
  return { revision: (before?.revision ?? 0) + 1, marks, listeners, badType };
}

function resourcesOf(world: World, type: ResourceType): ReadonlyMap<string, object> {
  const clusters = [...world.marks.keys()];
  switch (type) {
    case "clusters":
      return new Map([...world.marks].map(([name, mark]) => [name, cluster(name, mark)]));
    case "endpoints":
      return new Map([...world.marks].map(([name, mark]) => [name, assignment(name, 9_000 + mark)]));
    case "listeners":
      return new Map(world.listeners.map((name) => [name, listener(name)]));
    case "routes":
      return new Map(world.listeners.map((name) => [name, routeConfig(name, clusters, world.marks.get("a") ?? 9)]));
    default:
      return unreachable(type);
  }
}

interface Pending {
  readonly response: SessionResponse;
  readonly isBad: boolean;
}

/**
 * A server in the manner of the protocol's text: whole state for clusters and listeners, the subscribed names for the
 * others, one unanswered response per type, types in order, new versions only when the content changed. It also checks
 * what the client says: a refused response is never acknowledged, a good one never refused.
 */
class ScriptedServer {
  world: World;
  readonly #names = new Map<ResourceType, readonly string[]>();
  readonly #sent = new Map<ResourceType, string>();
  readonly #unanswered = new Map<ResourceType, Pending>();
  #nonce = 0;
  readonly queue: Pending[] = [];

  constructor(world: World) {
    this.world = world;
  }

  onStream(): void {
    this.#names.clear();
    this.#sent.clear();
    this.#unanswered.clear();
    this.queue.length = 0;
  }

  onRequest(request: SessionRequest): void {
    if (request.type === "digest") return;
    const pending = this.#unanswered.get(request.type);
    if (request.nonce !== "") {
      assert.ok(request.nonce.startsWith(`${request.type}-`));
      if (pending !== undefined && request.nonce === pending.response.nonce) {
        assert.equal(request.reason !== "", pending.isBad, `${request.type}: ${request.reason}`);
        if (pending.isBad) assert.notEqual(request.version, pending.response.version);
        else assert.equal(request.version, pending.response.version);
        this.#unanswered.delete(request.type);
      }
    }
    const before = this.#names.get(request.type);
    this.#names.set(request.type, request.names);
    // New names are owed even when nothing changed.
    if (before === undefined || request.names.some((name) => !before.includes(name))) this.#sent.delete(request.type);
  }

  /** Puts everything that is due on the wire. */
  pump(): void {
    for (const type of RESOURCE_TYPES) {
      const names = this.#names.get(type);
      if (names === undefined || this.#unanswered.has(type)) continue;
      const isWhole = type === "clusters" || type === "listeners";
      const all = resourcesOf(this.world, type);
      const wanted = [...all].filter(([name]) => isWhole || names.includes(name));
      const isBad = this.world.badType === type && (isWhole || wanted.length > 0);
      const content = JSON.stringify([wanted, isBad]);
      if (this.#sent.get(type) === content) continue;
      if (!isWhole && wanted.length === 0) continue;
      this.#sent.set(type, content);
      const resources: RawResource[] = wanted.map(([, resource]) => raw(type, resource));
      if (isBad) resources.push(raw(type, { name: "bad", bad: ["wrong"] }));
      this.#nonce += 1;
      const response: SessionResponse = {
        type,
        version: `r${this.world.revision}.${type}`,
        nonce: `${type}-${this.#nonce}`,
        server: "heddle/m",
        resources,
      };
      this.#unanswered.set(type, { response, isBad });
      this.queue.push({ response, isBad });
    }
  }
}

/** Everything ever published, as text. */
class Published {
  readonly #texts = new Set<string>();

  add(world: World): World {
    for (const type of RESOURCE_TYPES) {
      for (const [name, resource] of resourcesOf(world, type))
        this.#texts.add(`${type}/${name}/${JSON.stringify(resource)}`);
    }
    return world;
  }

  /** Every resource in use was published in this very form, and nothing named is missing. */
  check({ clusters, assignments, listeners, routes }: Snapshot): void {
    const has = (type: ResourceType, name: string, resource: object): boolean =>
      this.#texts.has(`${type}/${name}/${JSON.stringify(resource)}`);
    for (const [name, one] of clusters) assert.ok(has("clusters", name, one), `cluster ${name}`);
    for (const [name, one] of listeners) assert.ok(has("listeners", name, one), `listener ${name}`);
    // Nothing here takes as long as the wait, so nothing empty may stand in for what did not come.
    for (const [name, one] of assignments) assert.ok(has("endpoints", name, one), `assignment ${name}`);
    for (const [name, one] of routes) assert.ok(has("routes", name, one), `route table ${name}`);
    for (const name of clusters.keys()) assert.ok(assignments.has(name));
    for (const name of listeners.keys()) assert.ok(routes.has(name));
  }
}

function holdingsOf(snapshot: Snapshot): Holdings {
  const held = <T>(models: ReadonlyMap<string, T>): ReadonlyMap<string, { bytes: Uint8Array; model: T }> =>
    new Map([...models].map(([name, model]) => [name, { bytes: Buffer.alloc(0), model }]));
  return {
    clusters: held(snapshot.clusters),
    endpoints: held(snapshot.assignments),
    listeners: held(snapshot.listeners),
    routes: held(snapshot.routes),
  };
}

function newSession(): ClientSession<Snapshot> {
  return new ClientSession({ decoder: jsonDecoder, compile: (snapshot) => ok(snapshot), acceptOlder: false });
}

interface Run {
  readonly active: Snapshot | undefined;
  readonly last: World;
  /** Swaps in which a route named a cluster that was there before and was not any more. */
  readonly torn: number;
  readonly refusals: number;
}

function play(seed: number): Run {
  const random = seededRandom(seed);
  const published = new Published();
  const server = new ScriptedServer(published.add(nextWorld(undefined, random, false)));
  let session = newSession();
  let active: Snapshot | undefined;
  let stored: StoredSnapshot | undefined;
  let [nowMs, torn, refusals] = [0, 0, 0];

  const carryOut = (outcome: Outcome<Snapshot>): void => {
    assert.equal(outcome.reconnect, undefined);
    if (outcome.refused !== undefined) refusals += 1;
    if (outcome.activate !== undefined) {
      const { snapshot } = outcome.activate;
      published.check(snapshot);
      for (const name of routedClusters(holdingsOf(snapshot))) {
        if (!snapshot.clusters.has(name) && active?.clusters.has(name) === true) torn += 1;
      }
      [active, stored] = [snapshot, outcome.activate.stored];
    }
    for (const request of outcome.requests) server.onRequest(request);
  };
  const openStream = (): void => {
    server.onStream();
    carryOut(session.onOpened(nowMs));
  };
  const deliver = (): void => {
    const next = server.queue.shift();
    if (next !== undefined) carryOut(session.onResponse(next.response, nowMs));
  };

  openStream();
  for (let step = 0; step < 60; step += 1) {
    nowMs += random.below(50);
    const draw = random.unit();
    if (draw < 0.15) {
      server.world = published.add(nextWorld(server.world, random, false));
    } else if (draw < 0.2) {
      session.onClosed();
      openStream();
    } else if (draw < 0.23) {
      // The process dies and starts from what it stored.
      session = newSession();
      if (stored !== undefined) assert.ok(session.restore(stored, nowMs).ok);
      openStream();
    } else {
      server.pump();
      deliver();
    }
  }
  server.world = published.add(nextWorld(server.world, random, true));
  for (let round = 0; round < 40; round += 1) {
    server.pump();
    deliver();
  }
  nowMs += RESOURCE_WAIT_MS;
  carryOut(session.onTick(nowMs));
  return { active, last: server.world, torn, refusals };
}

describe("the session against a server that changes, breaks off and errs", () => {
  it("ends with what was published last, uses nothing half or refused, and acknowledges nothing it refused", () => {
    let refusals = 0;
    for (let seed = 1; seed <= 1_000; seed += 1) {
      try {
        const run = play(seed);
        refusals += run.refusals;
        const wanted = toSnapshotOf(run.last);
        assert.deepEqual(sorted(run.active), sorted(wanted));
        assert.equal(run.torn, 0);
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
    assert.ok(refusals > 500, `only ${refusals} refusals: the test does not test what it says`);
  });
});

function toSnapshotOf(world: World): Snapshot {
  let holdings = noHoldings;
  for (const type of RESOURCE_TYPES) {
    const resources = [...resourcesOf(world, type).values()].map((one) => raw(type, one));
    const staged = stage(holdings, type, resources, jsonDecoder);
    assert.ok(staged.ok);
    holdings = staged.value;
  }
  return toSnapshot(holdings);
}

/** As JSON with sorted maps: order is not content. */
function sorted(snapshot: Snapshot | undefined): unknown {
  assert.ok(snapshot !== undefined, "nothing was ever activated");
  const list = (models: ReadonlyMap<string, unknown>): unknown =>
    JSON.parse(JSON.stringify([...models].toSorted(([a], [b]) => (a < b ? -1 : 1))));
  return {
    clusters: list(snapshot.clusters),
    assignments: list(snapshot.assignments),
    listeners: list(snapshot.listeners),
    routes: list(snapshot.routes),
  };
}
