import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ClientSession } from "../../../data-plane/xds/client-session.ts";
import type {
  RawResource,
  SessionRequest,
  SessionResponse,
  SubscribedType,
} from "../../../data-plane/xds/discovery-message.ts";
import type { Outcome } from "../../../data-plane/xds/session-outcome.ts";
import { DIGEST_SILENCE_MS, RESOURCE_WAIT_MS } from "../../../shared/defaults.ts";
import { XDS_RESPONSE_BYTES_MAX } from "../../../shared/limits.ts";
import type { Snapshot } from "../../../shared/model/snapshot.ts";
import { err, ok } from "../../../shared/result.ts";
import { violation } from "../../../shared/violation.ts";
import { jsonDecoder, raw } from "../../support/json-decoder.ts";
import { assignment, cluster, listener, routeConfig } from "../../support/session-resources.ts";

const HEDDLE = "heddle/mesh-1";

function newSession(acceptOlder = false): ClientSession<Snapshot> {
  return new ClientSession({ decoder: jsonDecoder, compile: (snapshot) => ok(snapshot), acceptOlder });
}

let nonce = 0;
function response(
  type: SubscribedType,
  version: string,
  resources: readonly RawResource[],
  server = HEDDLE,
): SessionResponse {
  nonce += 1;
  return { type, version, nonce: `n${nonce}`, server, resources };
}

function clusters(version: string, ...names: readonly string[]): SessionResponse {
  return response(
    "clusters",
    version,
    names.map((name) => raw("clusters", cluster(name))),
  );
}

function endpoints(version: string, ...names: readonly string[]): SessionResponse {
  return response(
    "endpoints",
    version,
    names.map((name) => raw("endpoints", assignment(name))),
  );
}

function listeners(version: string, ...names: readonly string[]): SessionResponse {
  return response(
    "listeners",
    version,
    names.map((name) => raw("listeners", listener(name))),
  );
}

function routes(version: string, name: string, ...to: readonly string[]): SessionResponse {
  return response("routes", version, [raw("routes", routeConfig(name, to))]);
}

/** `type version [names] !reason`: all that matters of what was sent. */
function sent(outcome: Outcome<Snapshot>): readonly string[] {
  return outcome.requests.map(describeRequest);
}

function describeRequest({ type, version, names, reason }: SessionRequest): string {
  return `${type} ${version === "" ? "-" : version} [${names.join(" ")}]${reason === "" ? "" : ` !${reason}`}`;
}

/** A session that serves cluster `a` by route table `outbound`, all at `r1.x`, on an open stream. */
function serving(): ClientSession<Snapshot> {
  const session = newSession();
  session.onOpened(0);
  session.onResponse(clusters("r1.x", "a"), 0);
  session.onResponse(endpoints("r1.x", "a"), 0);
  session.onResponse(listeners("r1.x", "outbound"), 0);
  const last = session.onResponse(routes("r1.x", "outbound", "a"), 0);
  assert.ok(last.activate !== undefined);
  return session;
}

describe("the first stream of a proxy that holds nothing", () => {
  it("asks for all clusters and listeners, then for what they name, and serves when the last piece is there", () => {
    const session = newSession();
    assert.deepEqual(sent(session.onOpened(0)), ["clusters - []", "listeners - []"]);

    const onClusters = session.onResponse(clusters("r1.x", "a", "b"), 1);
    assert.deepEqual(sent(onClusters), ["clusters r1.x []", "endpoints - [a b]", "digest - [digest]"]);
    assert.equal(onClusters.activate, undefined);

    const onEndpoints = session.onResponse(endpoints("r1.x", "a", "b"), 2);
    assert.deepEqual(sent(onEndpoints), ["endpoints r1.x [a b]"]);
    assert.equal(onEndpoints.activate, undefined);

    const onListeners = session.onResponse(listeners("r1.x", "outbound"), 3);
    assert.deepEqual(sent(onListeners), ["listeners r1.x []", "routes - [outbound]"]);
    assert.equal(onListeners.activate, undefined);

    const onRoutes = session.onResponse(routes("r1.x", "outbound", "a", "b"), 4);
    assert.deepEqual(sent(onRoutes), ["routes r1.x [outbound]"]);
    const snapshot = onRoutes.activate?.snapshot;
    assert.deepEqual([...(snapshot?.clusters.keys() ?? [])], ["a", "b"]);
    assert.deepEqual([...(snapshot?.assignments.keys() ?? [])], ["a", "b"]);
    assert.deepEqual([...(snapshot?.routes.keys() ?? [])], ["outbound"]);
    assert.equal(onRoutes.activate?.revision, 1);
  });

  it("does not ask a foreign server for digests, nor mind its silence", () => {
    const session = newSession();
    session.onOpened(0);
    const answer = session.onResponse(response("clusters", "v7", [], "istiod"), 5);
    assert.deepEqual(sent(answer), ["clusters v7 []"]);
    assert.equal(session.nextWakeMs(), undefined);
  });

  it("minds the silence of a server that never says a word", () => {
    const session = newSession();
    session.onOpened(100);
    assert.equal(session.nextWakeMs(), 100 + DIGEST_SILENCE_MS);
    assert.equal(session.onTick(99 + DIGEST_SILENCE_MS).reconnect, undefined);
    assert.match(session.onTick(100 + DIGEST_SILENCE_MS).reconnect ?? "", /nothing was heard for 30 s/);
  });

  it("ignores an answer to a question it never asked", () => {
    const session = newSession();
    session.onOpened(0);
    const outcome = session.onResponse(endpoints("r1.x", "a"), 1);
    assert.deepEqual(outcome.requests, []);
    assert.equal(outcome.activate, undefined);
  });

  it("acknowledges an empty set of clusters and listeners and serves it", () => {
    const session = newSession();
    session.onOpened(0);
    assert.equal(session.onResponse(clusters("r1.x"), 1).activate, undefined);
    const outcome = session.onResponse(listeners("r1.x"), 2);
    assert.deepEqual(sent(outcome), ["listeners r1.x []"]);
    assert.equal(outcome.activate?.snapshot.listeners.size, 0);
  });
});

describe("a refused response", () => {
  it("is answered with every reason and the last accepted version, and changes nothing", () => {
    const session = serving();
    const bad = response("clusters", "r2.y", [
      raw("clusters", { name: "a", bad: ["lb is unknown", "timeout is negative"] }),
      raw("clusters", cluster("b")),
      raw("clusters", { name: "c", bad: ["no name"] }),
      raw("listeners", listener("outbound")),
    ]);
    const outcome = session.onResponse(bad, 1);
    const reason =
      "clusters[0].field: lb is unknown; clusters[0].field: timeout is negative; clusters[2].field: no name; " +
      "clusters[3]: is not of the response's type";
    assert.deepEqual(sent(outcome), [`clusters r1.x [] !${reason}`]);
    assert.equal(outcome.requests[0]?.nonce, bad.nonce);
    assert.equal(outcome.activate, undefined);
    assert.deepEqual(outcome.refused, { type: "clusters", version: "r2.y", reason });
    assert.equal(session.types()[0]?.resources, 1);
  });

  it("is refused for what only the whole shows: the reasons of the compiler", () => {
    const session = new ClientSession<Snapshot>({
      decoder: jsonDecoder,
      compile: (snapshot) => (snapshot.clusters.has("evil") ? err([violation("evil", "does not fit")]) : ok(snapshot)),
      acceptOlder: false,
    });
    session.onOpened(0);
    assert.deepEqual(sent(session.onResponse(clusters("r1.x", "evil"), 1)), [
      "clusters - [] !evil: does not fit",
      "digest - [digest]",
    ]);
  });

  it("keeps its reason in later requests of the type until a good one comes", () => {
    const session = serving();
    session.onResponse(response("endpoints", "r2.y", [raw("endpoints", { name: "a", bad: ["odd"] })]), 1);
    const renamed = session.onResponse(clusters("r2.y", "a", "b"), 2);
    assert.deepEqual(sent(renamed), ["clusters r2.y []", "endpoints r1.x [a b] !endpoints[0].field: odd"]);
    assert.deepEqual(sent(session.onResponse(endpoints("r3.z", "a", "b"), 3)), ["endpoints r3.z [a b]"]);
    assert.equal(session.types()[1]?.refused, undefined);
  });

  it("names two resources of one name", () => {
    const outcome = serving().onResponse(clusters("r2.y", "a", "a"), 1);
    assert.match(outcome.refused?.reason ?? "", /"a" stands twice/);
  });

  it("is refused when it is larger than the bound", () => {
    const huge: RawResource = { type: "clusters", bytes: Buffer.alloc(XDS_RESPONSE_BYTES_MAX + 1) };
    const outcome = serving().onResponse(response("clusters", "r2.y", [huge]), 1);
    assert.match(outcome.refused?.reason ?? "", /at most 67108864/);
  });

  it("is refused when it comes from another mesh or goes back in time, unless the operator allows it", () => {
    const foreign = serving().onResponse(response("clusters", "r9.y", [], "heddle/mesh-2"), 1);
    assert.match(foreign.refused?.reason ?? "", /mesh mesh-2, but this proxy belongs to mesh mesh-1/);

    const session = serving();
    session.onResponse(clusters("r7.y", "a"), 1);
    const older = session.onResponse(clusters("r6.z"), 2);
    assert.match(older.refused?.reason ?? "", /revision 6 is older than revision 7/);

    const allowed = newSession(true);
    allowed.onOpened(0);
    allowed.onResponse(clusters("r7.y"), 1);
    assert.equal(allowed.onResponse(clusters("r6.z"), 2).refused, undefined);
  });
});

describe("a change", () => {
  it("of one assignment is in use at once", () => {
    const outcome = serving().onResponse(response("endpoints", "r2.y", [raw("endpoints", assignment("a", 9_999))]), 1);
    assert.deepEqual(sent(outcome), ["endpoints r2.y [a]"]);
    assert.equal(outcome.activate?.snapshot.assignments.get("a")?.endpoints[0]?.address.port, 9_999);
  });

  it("that adds a cluster waits for its endpoints", () => {
    const session = serving();
    const onClusters = session.onResponse(clusters("r2.y", "a", "b"), 1);
    assert.deepEqual(sent(onClusters), ["clusters r2.y []", "endpoints r1.x [a b]"]);
    assert.equal(onClusters.activate, undefined);
    assert.deepEqual(session.types()[1]?.waitingFor, ["b"]);
    assert.deepEqual(
      [...(session.onResponse(endpoints("r2.y", "b"), 2).activate?.snapshot.clusters.keys() ?? [])],
      ["a", "b"],
    );
  });

  it("that names a missing assignment is used without it after the wait", () => {
    const session = serving();
    session.onResponse(clusters("r2.y", "a", "b"), 1_000);
    assert.equal(session.nextWakeMs(), 1_000 + RESOURCE_WAIT_MS);
    assert.equal(session.onTick(999 + RESOURCE_WAIT_MS).activate, undefined);
    const activated = session.onTick(1_000 + RESOURCE_WAIT_MS).activate;
    assert.deepEqual(activated?.snapshot.assignments.get("b")?.endpoints, []);
    // The next change does not wait for it again.
    assert.ok(session.onResponse(endpoints("r3.z", "a"), 20_000).activate !== undefined);
  });

  it("that takes a cluster away waits for the routes that still name it", () => {
    const session = serving();
    assert.equal(session.onResponse(clusters("r2.y"), 1).activate, undefined);
    const activated = session.onResponse(routes("r2.y", "outbound"), 2).activate;
    assert.equal(activated?.snapshot.clusters.size, 0);
  });

  it("that takes a cluster away unsubscribes from its endpoints", () => {
    const session = serving();
    session.onResponse(routes("r2.y", "outbound"), 1);
    assert.deepEqual(sent(session.onResponse(clusters("r2.y"), 2)), ["clusters r2.y []", "endpoints r1.x []"]);
  });

  it("with resources that nobody asked for takes only those asked for", () => {
    const outcome = serving().onResponse(endpoints("r2.y", "a", "stranger"), 1);
    assert.deepEqual([...(outcome.activate?.snapshot.assignments.keys() ?? [])], ["a"]);
  });
});

describe("a new stream", () => {
  it("states versions and names held, with empty nonces, and drops nothing", () => {
    const session = serving();
    session.onClosed();
    assert.deepEqual(session.onOpened(50).requests, [
      { type: "clusters", version: "r1.x", nonce: "", names: ["*", "a"], reason: "" },
      { type: "endpoints", version: "r1.x", nonce: "", names: ["a"], reason: "" },
      { type: "listeners", version: "r1.x", nonce: "", names: ["*", "outbound"], reason: "" },
      { type: "routes", version: "r1.x", nonce: "", names: ["outbound"], reason: "" },
      { type: "digest", version: "", nonce: "", names: ["digest"], reason: "" },
    ]);
    assert.deepEqual(sent(session.onResponse(clusters("r1.x", "a"), 51)), ["clusters r1.x [*]"]);
  });

  it("asks a foreign server for everything in the old way: with no names", () => {
    const session = newSession();
    session.onOpened(0);
    session.onResponse(response("clusters", "v7", [raw("clusters", cluster("a"))], "istiod"), 5);
    session.onClosed();
    assert.deepEqual(sent(session.onOpened(9)), ["clusters v7 []", "endpoints - [a]", "listeners - []"]);
  });

  it("goes on waiting for what the last one did not bring", () => {
    const session = serving();
    session.onResponse(clusters("r2.y", "a", "b"), 1);
    session.onClosed();
    assert.equal(session.nextWakeMs(), undefined);
    session.onOpened(100_000);
    assert.equal(session.onTick(100_001).activate, undefined);
    assert.ok(session.onResponse(endpoints("r2.y", "a", "b"), 100_002).activate !== undefined);
  });
});

describe("a digest", () => {
  const digest = (versions: readonly (readonly [SubscribedType, string])[]): SessionResponse =>
    response("digest", "d", [raw("digest", { meshId: "mesh-1", revision: 1, versions })]);

  it("that agrees is acknowledged and renews the age", () => {
    const session = serving();
    const outcome = session.onResponse(digest([["clusters", "r1.x"]]), 700);
    assert.deepEqual(sent(outcome), ["digest d [digest]"]);
    assert.equal(outcome.reconnect, undefined);
    assert.equal(session.confirmedMs, 700);
    assert.equal(session.nextWakeMs(), 700 + DIGEST_SILENCE_MS);
  });

  it("that differs ends the stream", () => {
    const outcome = serving().onResponse(digest([["routes", "r2.q"]]), 1);
    assert.equal(outcome.reconnect, "the control plane sent routes r2.q, but r1.x came");
  });

  it("of a version that came and was refused is no reason to reconnect, and does not renew the age", () => {
    const session = serving();
    session.onResponse(response("clusters", "r2.y", [raw("clusters", { name: "a", bad: ["odd"] })]), 1);
    assert.equal(session.onResponse(digest([["clusters", "r2.y"]]), 700).reconnect, undefined);
    assert.equal(session.confirmedMs, 0);
  });

  it("that cannot be read is refused", () => {
    const outcome = serving().onResponse(response("digest", "d", [raw("digest", { bad: ["odd"] })]), 1);
    assert.deepEqual(sent(outcome), ["digest - [digest] !field: odd"]);
  });
});

describe("a stored snapshot", () => {
  it("serves before any stream, and the first stream states it", () => {
    const before = serving().onResponse(endpoints("r2.y", "a"), 1).activate;
    assert.ok(before !== undefined);
    const session = newSession();
    const restored = session.restore(before.stored, 5);
    assert.ok(restored.ok);
    assert.deepEqual(restored.value.snapshot, before.snapshot);
    assert.equal(restored.value.revision, 2);
    assert.deepEqual(sent(session.onOpened(6)), [
      "clusters r1.x [* a]",
      "endpoints r2.y [a]",
      "listeners r1.x [* outbound]",
      "routes r1.x [outbound]",
      "digest - [digest]",
    ]);
  });

  it("with a bad resource changes nothing and says what is wrong", () => {
    const session = newSession();
    const bytes = Buffer.from(JSON.stringify({ bad: ["odd"] }));
    const restored = session.restore(
      { meshId: "m", types: [{ type: "clusters", version: "r1.x", resources: [bytes] }] },
      0,
    );
    assert.ok(!restored.ok);
    assert.deepEqual(restored.error, [violation("clusters[0].field", "odd")]);
    assert.deepEqual(sent(session.onOpened(0)), ["clusters - []", "listeners - []"]);
  });
});
