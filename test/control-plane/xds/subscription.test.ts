import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { NameSet } from "../../../control-plane/xds/name-set.ts";
import { Subscription, type RequestOutcome } from "../../../control-plane/xds/subscription.ts";

function ask(subscription: Subscription, names: readonly string[], nonce = "", error?: string): RequestOutcome {
  return subscription.onRequest({ names: new NameSet(names), nonce, error }, 5);
}

describe("an empty list of names", () => {
  it("is all clusters until the first name is given, and nothing after it", () => {
    const clusters = new Subscription(true);
    ask(clusters, []);
    assert.equal(clusters.wantsAll, true);
    ask(clusters, ["a", "b"]);
    assert.equal(clusters.wantsAll, false);
    ask(clusters, []);
    assert.equal(clusters.wantsAll, false, "this is how a client unsubscribes from everything");
  });

  it("is nothing for endpoints and routes", () => {
    const endpoints = new Subscription(false);
    ask(endpoints, []);
    assert.equal(endpoints.wantsAll, false);
  });

  it("never turns a closing gRPC client into a wildcard", () => {
    const listeners = new Subscription(true);
    ask(listeners, ["reviews"]);
    listeners.onSent("1", "r1.a", 1);
    assert.deepEqual(ask(listeners, [], "1"), { kind: "ack", added: [] });
    assert.equal(listeners.wantsAll, false);
    assert.equal(listeners.names.isEmpty, true);
  });
});

describe("the name *", () => {
  it("asks for all beside names, until it is left out", () => {
    const clusters = new Subscription(true);
    ask(clusters, ["*"]);
    assert.equal(clusters.wantsAll, true);
    ask(clusters, ["*", "a"]);
    assert.equal(clusters.wantsAll, true);
    ask(clusters, ["a"]);
    assert.deepEqual([clusters.wantsAll, [...clusters.names.names]], [false, ["a"]]);
  });
});

describe("a nonce", () => {
  it("of a replaced response makes the request stale: it changes nothing", () => {
    const endpoints = new Subscription(false);
    ask(endpoints, ["a"]);
    endpoints.onSent("1", "r1.a", 1);
    ask(endpoints, ["a"], "1");
    endpoints.onSent("2", "r2.b", 2);
    assert.deepEqual(ask(endpoints, ["a", "b"], "1", "late"), { kind: "stale", added: [] });
    assert.equal(endpoints.nack, undefined);
    assert.deepEqual([...endpoints.names.names], ["a"]);
    assert.equal(endpoints.isInFlight, true);
  });

  it("of another stream on a first request is no answer", () => {
    const endpoints = new Subscription(false);
    assert.equal(ask(endpoints, ["a"], "77").kind, "first");
  });

  it("that is empty later on is a subscription anew", () => {
    const endpoints = new Subscription(false);
    ask(endpoints, ["a"]);
    endpoints.onSent("1", "r1.a", 1);
    assert.deepEqual(ask(endpoints, ["a", "b"], ""), { kind: "resubscribe", added: ["b"] });
    assert.equal(endpoints.isInFlight, true);
  });
});

describe("a NACK", () => {
  it("is known by its error alone, keeps the accepted version, and names what was refused", () => {
    const clusters = new Subscription(true);
    ask(clusters, []);
    clusters.onSent("1", "r1.a", 1);
    ask(clusters, [], "1");
    clusters.onSent("2", "r2.b", 2);
    assert.equal(ask(clusters, [], "2", "no such policy").kind, "nack");
    assert.deepEqual(clusters.nack, { version: "r2.b", reason: "no such policy" });
    assert.equal(clusters.ackedVersion, "r1.a");
    assert.equal(clusters.isInFlight, false);
  });

  it("may add names, also when a client repeats it with every later request", () => {
    const endpoints = new Subscription(false);
    ask(endpoints, ["a"]);
    endpoints.onSent("1", "r1.a", 1);
    assert.deepEqual(ask(endpoints, ["a", "b"], "1", "bad"), { kind: "nack", added: ["b"] });
    assert.deepEqual(ask(endpoints, ["a", "b", "c"], "1", "bad"), { kind: "resubscribe", added: ["c"] });
    assert.deepEqual(endpoints.nack, { version: "r1.a", reason: "bad" });
  });

  it("is over with the next acknowledged response", () => {
    const endpoints = new Subscription(false);
    ask(endpoints, ["a"]);
    endpoints.onSent("1", "r1.a", 1);
    ask(endpoints, ["a"], "1", "bad");
    endpoints.onSent("2", "r2.b", 2);
    ask(endpoints, ["a"], "2");
    assert.equal(endpoints.nack, undefined);
    assert.equal(endpoints.ackedVersion, "r2.b");
  });
});
