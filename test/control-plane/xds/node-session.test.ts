import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ClusterHistory } from "../../../control-plane/xds/cluster-history.ts";
import { NameSet } from "../../../control-plane/xds/name-set.ts";
import { NodeSession } from "../../../control-plane/xds/node-session.ts";
import { revisionIn, stamped, type NodeSnapshot, type PushedType } from "../../../control-plane/xds/resource-set.ts";
import { ROUTES_GRACE_MS } from "../../../shared/defaults.ts";
import { snapshotOf, type World } from "../../support/resource-sets.ts";

// Stories: the node says ..., we answer ..., and nothing else.

const one: World = { clusters: { a: "1" }, endpoints: { a: "1" }, routes: ["a"] };
const two: World = { clusters: { a: "1", b: "1" }, endpoints: { a: "1", b: "1" }, routes: ["b"] };
const onlyB: World = { clusters: { b: "1" }, endpoints: { b: "1" }, routes: ["b"] };

class Story {
  readonly session: NodeSession;
  nowMs = 0;
  readonly nonces = new Map<PushedType, string>();
  readonly asked = new Map<PushedType, readonly string[]>();
  readonly versions: string[] = [];

  constructor(snapshot: NodeSnapshot | undefined, isOrdered = true, history = new ClusterHistory()) {
    this.session = new NodeSession(isOrdered, history);
    if (snapshot !== undefined) this.session.onSnapshot(snapshot);
  }

  /** What we answer now, as `type: name name`. */
  answers(): readonly string[] {
    const answers: string[] = [];
    for (let out = this.session.next(this.nowMs); out !== undefined; out = this.session.next(this.nowMs)) {
      this.nonces.set(out.payload.type, out.nonce);
      this.versions.push(out.payload.version);
      answers.push(`${out.payload.type}: ${out.payload.resources.map((resource) => resource.name).join(" ")}`);
    }
    return answers;
  }

  says(
    type: PushedType,
    names: readonly string[],
    more: { nonce?: string; error?: string; version?: string } = {},
  ): readonly string[] {
    this.asked.set(type, names);
    this.session.onRequest(
      type,
      { names: new NameSet(names), nonce: more.nonce ?? "", error: more.error, version: more.version ?? "" },
      this.nowMs,
    );
    return this.answers();
  }

  acks(type: PushedType, names = this.asked.get(type) ?? []): readonly string[] {
    return this.says(type, names, { nonce: this.nonces.get(type) ?? "" });
  }

  nacks(type: PushedType, names = this.asked.get(type) ?? []): readonly string[] {
    return this.says(type, names, { nonce: this.nonces.get(type) ?? "", error: "no" });
  }

  gets(snapshot: NodeSnapshot): readonly string[] {
    this.session.onSnapshot(snapshot);
    return this.answers();
  }

  /** As an Envoy starts: clusters, their endpoints, listeners, their routes. */
  boots(endpoints: readonly string[]): this {
    this.says("clusters", []);
    this.acks("clusters");
    this.says("endpoints", endpoints);
    this.acks("endpoints");
    this.says("listeners", []);
    this.acks("listeners");
    this.says("routes", ["outbound"]);
    this.acks("routes");
    return this;
  }
}

describe("a node that starts", () => {
  it("gets each type when it asks, all of it, and nothing twice", () => {
    const story = new Story(snapshotOf(one, 1));
    assert.deepEqual(story.says("clusters", []), ["clusters: a"]);
    assert.deepEqual(story.acks("clusters"), []);
    assert.deepEqual(story.says("endpoints", ["a"]), ["endpoints: a"]);
    assert.deepEqual(story.acks("endpoints"), []);
    assert.deepEqual(story.says("listeners", []), ["listeners: outbound"]);
    assert.deepEqual(story.acks("listeners"), []);
    assert.deepEqual(story.says("routes", ["outbound"]), ["routes: outbound"]);
    assert.deepEqual(story.acks("routes"), []);
    assert.equal(story.session.settledRevision, 1);
  });

  it("gets nothing, not even an empty list, before there is a snapshot", () => {
    const story = new Story(undefined);
    assert.deepEqual(story.says("clusters", []), []);
    assert.deepEqual(story.gets(snapshotOf(one, 1)), ["clusters: a"]);
  });

  it("gets an empty cluster list when the mesh is empty: silence would leave it waiting", () => {
    const story = new Story(snapshotOf({ clusters: {}, endpoints: {}, routes: [] }, 1));
    assert.deepEqual(story.says("clusters", []), ["clusters: "]);
    assert.deepEqual(story.says("endpoints", []), [], "an empty list of endpoints is no wildcard");
  });

  it("may ask for names that do not exist yet, and gets them when they do", () => {
    const story = new Story(snapshotOf(one, 1)).boots(["a", "b"]);
    assert.deepEqual(story.gets(snapshotOf({ ...two, routes: ["a"] }, 2)), ["clusters: a b", "endpoints: b"]);
  });

  it("is answered though it states the current version: its names may be others", () => {
    const snapshot = snapshotOf(one, 1);
    const story = new Story(snapshot);
    assert.deepEqual(story.says("clusters", [], { version: "r1.abc" }), ["clusters: a"]);
  });
});

describe("a change", () => {
  it("of one service's endpoints sends those and nothing else", () => {
    const first = snapshotOf(two, 1);
    const story = new Story(first).boots(["a", "b"]);
    const edited = snapshotOf({ ...two, endpoints: { a: "2", b: "1" } }, 2, first);
    assert.deepEqual(story.gets(edited), ["endpoints: a"]);
    assert.deepEqual(story.acks("endpoints"), []);
    assert.equal(story.session.settledRevision, 2);
  });

  it("that does not concern the node sends nothing and counts as acknowledged", () => {
    const first = snapshotOf(two, 1);
    const story = new Story(first).boots(["b"]);
    const edited = snapshotOf({ ...two, endpoints: { a: "2", b: "1" } }, 2, first);
    assert.deepEqual(story.gets(edited), []);
    assert.equal(story.session.settledRevision, 2);
  });

  it("of a cluster is followed by its endpoints, though they did not change: the node waits for them", () => {
    const first = snapshotOf(one, 1);
    const story = new Story(first).boots(["a"]);
    assert.deepEqual(story.gets(snapshotOf({ ...one, clusters: { a: "2" } }, 2, first)), [
      "clusters: a",
      "endpoints: a",
    ]);
  });

  it("of a cluster holds its routes back until its endpoints could follow, though they are old ones", () => {
    const first = snapshotOf({ ...two, routes: ["a", "b"] }, 1);
    const story = new Story(first).boots(["a", "b"]);
    const second = snapshotOf({ ...two, routes: ["a", "b"], endpoints: { a: "2", b: "1" } }, 2, first);
    assert.deepEqual(story.gets(second), ["endpoints: a"]);
    const world: World = { clusters: { a: "1", b: "2" }, endpoints: { a: "2", b: "1" }, routes: ["b", "a"] };
    assert.deepEqual(story.gets(snapshotOf(world, 3, second)), ["clusters: a b"]);
    assert.deepEqual(story.acks("clusters"), [], "the endpoints of b wait for the answer to those of a");
    assert.deepEqual(story.acks("endpoints"), ["endpoints: b", "routes: outbound"]);
  });

  it("of a cluster whose endpoints are not there yet holds its routes back until they are", () => {
    const first = snapshotOf(one, 1);
    const story = new Story(first).boots(["a"]);
    const early = snapshotOf({ ...two, endpoints: { a: "1" } }, 2, first);
    assert.deepEqual(story.gets(early), ["clusters: a b"]);
    assert.deepEqual(story.acks("clusters"), []);
    assert.deepEqual(story.gets(snapshotOf(two, 3, early)), ["endpoints: b", "routes: outbound"]);
  });

  it("adds a cluster with its endpoints before the routes that name it", () => {
    const first = snapshotOf(one, 1);
    const story = new Story(first).boots(["a"]);
    const grown = snapshotOf({ ...two, routes: ["a", "b"] }, 2, first);
    assert.deepEqual(story.gets(grown), ["clusters: a b", "endpoints: b"]);
    assert.deepEqual(story.acks("endpoints", ["a", "b"]), [], "the routes wait for the clusters");
    assert.deepEqual(story.acks("clusters"), ["routes: outbound"]);
    assert.deepEqual(story.acks("routes"), []);
    assert.equal(story.session.settledRevision, 2);
  });

  it("withdraws a cluster only after the routes that left it are acknowledged", () => {
    const first = snapshotOf(one, 1);
    const story = new Story(first).boots(["a"]);
    const moved = snapshotOf(onlyB, 2, first);
    assert.deepEqual(story.gets(moved), ["clusters: b a", "endpoints: b"], "the old cluster is still in the list");
    assert.deepEqual(story.acks("clusters"), ["routes: outbound"]);
    assert.deepEqual(story.acks("endpoints", ["a", "b"]), []);
    assert.deepEqual(story.acks("routes"), ["clusters: b"], "the removal comes last");
    assert.notEqual(story.session.settledRevision, 2);
    assert.deepEqual(story.acks("clusters"), []);
    assert.equal(story.session.settledRevision, 2);
  });

  it("keeps a cluster as long as the node refuses the routes that leave it", () => {
    const first = snapshotOf(one, 1);
    const story = new Story(first).boots(["a"]);
    story.gets(snapshotOf(onlyB, 2, first));
    story.acks("endpoints", ["a", "b"]);
    assert.deepEqual(story.acks("clusters"), ["routes: outbound"]);
    assert.deepEqual(story.nacks("routes"), []);
    assert.equal(story.session.settledRevision, 1);
  });

  it("during a passage replaces what was not sent: the newest wins, nothing queues", () => {
    const first = snapshotOf(one, 1);
    const story = new Story(first).boots(["a"]);
    const second = snapshotOf({ ...one, endpoints: { a: "2" } }, 2, first);
    assert.deepEqual(story.gets(second), ["endpoints: a"]);
    const third = snapshotOf({ ...one, endpoints: { a: "3" } }, 3, second);
    assert.deepEqual(story.gets(third), [], "one response of a type is unanswered at most");
    const fourth = snapshotOf({ ...one, endpoints: { a: "4" } }, 4, third);
    assert.deepEqual(story.gets(fourth), []);
    assert.deepEqual(story.acks("endpoints"), ["endpoints: a"]);
    assert.deepEqual(story.acks("endpoints"), []);
    assert.equal(story.session.settledRevision, 4);
  });
});

describe("a refusal", () => {
  it("is not answered with the same content again, but with the next change", () => {
    const first = snapshotOf(one, 1);
    const story = new Story(first).boots(["a"]);
    const bad = snapshotOf({ ...one, endpoints: { a: "bad" } }, 2, first);
    assert.deepEqual(story.gets(bad), ["endpoints: a"]);
    assert.deepEqual(story.nacks("endpoints"), []);
    assert.deepEqual(story.says("endpoints", ["a"], { nonce: story.nonces.get("endpoints") ?? "", error: "no" }), []);
    const other = snapshotOf({ ...one, clusters: { a: "1", c: "1" }, endpoints: { a: "bad", c: "1" } }, 3, bad);
    assert.deepEqual(story.gets(other), ["clusters: a c", "endpoints: c"]);
    const good = snapshotOf({ ...one, endpoints: { a: "good" } }, 4, other);
    story.acks("endpoints", ["a", "c"]);
    assert.deepEqual(story.gets(good), ["endpoints: a"]);
  });

  it("of clusters holds the routes that need them, and only these", () => {
    const first = snapshotOf(one, 1);
    const story = new Story(first).boots(["a"]);
    story.gets(snapshotOf(two, 2, first));
    story.acks("endpoints", ["a", "b"]);
    assert.deepEqual(story.nacks("clusters"), []);
    assert.equal(story.session.isCurrent("routes"), false);
  });

  it("that asks for new names gets those", () => {
    const story = new Story(snapshotOf(two, 1));
    story.says("clusters", []);
    story.acks("clusters");
    story.says("endpoints", ["a"]);
    assert.deepEqual(story.nacks("endpoints", ["a", "b"]), ["endpoints: b"]);
  });
});

describe("a request", () => {
  it("with a stale nonce is not answered and changes nothing", () => {
    const first = snapshotOf(two, 1);
    const story = new Story(first).boots(["a"]);
    const stale = story.nonces.get("endpoints") ?? "";
    story.gets(snapshotOf({ ...two, endpoints: { a: "2", b: "1" } }, 2, first));
    assert.deepEqual(story.says("endpoints", ["a", "b"], { nonce: stale }), []);
    assert.deepEqual(story.acks("endpoints", ["a", "b"]), ["endpoints: b"]);
  });

  it("that names less sends nothing; naming it again sends it again", () => {
    const story = new Story(snapshotOf(two, 1)).boots(["a", "b"]);
    assert.deepEqual(story.acks("endpoints", ["a"]), []);
    assert.deepEqual(story.acks("endpoints", ["a", "b"]), ["endpoints: b"], "the node may have dropped it");
  });

  it("for routes before clusters waits for the clusters, and is believed after a while", () => {
    const story = new Story(snapshotOf(one, 1));
    assert.deepEqual(story.says("routes", ["outbound"]), []);
    assert.equal(story.session.nextWakeMs(), ROUTES_GRACE_MS);
    assert.deepEqual(story.says("clusters", []), ["clusters: a"]);
    assert.deepEqual(story.acks("clusters"), []);
    assert.deepEqual(story.says("endpoints", ["a"]), ["endpoints: a", "routes: outbound"]);

    const alone = new Story(snapshotOf(one, 1));
    assert.deepEqual(alone.says("routes", ["outbound"]), []);
    alone.nowMs = ROUTES_GRACE_MS;
    assert.deepEqual(alone.answers(), ["routes: outbound"], "its clusters are its own");
  });
});

describe("a node that comes back", () => {
  it("keeps the clusters that its old routes may name until it has new ones", () => {
    const history = new ClusterHistory();
    const first = snapshotOf(one, 1);
    const before = new Story(first, true, history).boots(["a"]);
    const held = before.session.subscription("clusters").ackedVersion;
    const back = new Story(snapshotOf(onlyB, 2, first), true, history);
    assert.deepEqual(back.says("clusters", [], { version: held }), ["clusters: b a"]);
    assert.deepEqual(back.says("endpoints", ["a"]), ["endpoints: b"]);
    assert.deepEqual(back.acks("endpoints", ["a", "b"]), []);
    assert.deepEqual(back.says("routes", ["outbound"], { version: "r1.x" }), []);
    assert.deepEqual(back.acks("clusters"), ["routes: outbound"]);
    assert.deepEqual(back.acks("routes"), ["clusters: b"]);
  });

  it("with clusters alone is believed to have no routes, after a while", () => {
    const history = new ClusterHistory();
    const first = snapshotOf(one, 1);
    const before = new Story(first, true, history).boots(["a"]);
    const held = before.session.subscription("clusters").ackedVersion;
    const back = new Story(snapshotOf(onlyB, 2, first), true, history);
    assert.deepEqual(back.says("clusters", [], { version: held }), ["clusters: b a"]);
    assert.deepEqual(back.acks("clusters"), []);
    back.nowMs = ROUTES_GRACE_MS;
    assert.deepEqual(back.answers(), ["clusters: b"]);
  });
});

describe("a gRPC client", () => {
  it("asks by name, for listeners and routes before clusters, and gets what it names", () => {
    const first = snapshotOf(two, 1);
    const story = new Story(first, false);
    assert.deepEqual(story.says("listeners", ["outbound"]), ["listeners: outbound"]);
    assert.deepEqual(story.says("routes", ["outbound"]), ["routes: outbound"]);
    assert.deepEqual(story.says("clusters", ["b"]), ["clusters: b"]);
    assert.deepEqual(story.says("endpoints", ["b"]), ["endpoints: b"]);
    for (const type of ["listeners", "routes", "clusters", "endpoints"] as const) {
      assert.deepEqual(story.acks(type), []);
    }
    const edited = snapshotOf({ ...two, clusters: { a: "2", b: "1" }, endpoints: { a: "2", b: "1" } }, 2, first);
    assert.deepEqual(story.gets(edited), [], "a is none of its business");
    for (const type of ["listeners", "routes", "clusters", "endpoints"] as const) {
      assert.deepEqual(story.acks(type, []), [], "the empty lists of a closing channel get no answer");
    }
  });
});

describe("a version", () => {
  it("never goes back, also when the node moves to a class whose content is older", () => {
    const newer = snapshotOf(one, 9);
    const story = new Story(newer).boots(["a"]);
    const other = snapshotOf(two, 10);
    const older = { ...other, clusters: stamped(other.clusters, 3), routes: stamped(other.routes, 3) };
    assert.deepEqual(story.gets(older), ["clusters: a b", "endpoints: b"]);
    story.acks("endpoints", ["a", "b"]);
    assert.deepEqual(story.acks("clusters"), ["routes: outbound"]);
    const revisions = story.versions.map(revisionIn);
    assert.deepEqual(
      revisions,
      [...revisions].sort((a, b) => a - b),
    );
    assert.equal(revisions.at(-1), 10);
  });

  it("is at least the one that a reconnecting node states", () => {
    const story = new Story({ ...snapshotOf(one, 5), revision: 8 });
    story.says("clusters", [], { version: "r7.0123456789abcdef" });
    assert.equal(revisionIn(story.versions[0] ?? ""), 8);
  });
});
