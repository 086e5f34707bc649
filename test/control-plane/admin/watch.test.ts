import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it } from "node:test";

import { status, type ClientReadableStream, type ServiceError } from "@grpc/grpc-js";

import { openAdminPort, type Message } from "../../support/admin-port.ts";
import { policy, route } from "../../support/catalog-rows.ts";
import { put } from "../../support/stores.ts";

/** Reads the next events of a stream one by one. */
function reader(stream: ClientReadableStream<Message>): () => Promise<Message> {
  const events = stream[Symbol.asyncIterator]();
  return async () => {
    const { value } = await events.next();
    return value as Message;
  };
}

type PolicyEvent = {
  readonly revision: string;
  readonly synced?: boolean;
  readonly change?: {
    readonly before?: { readonly service_policy: Message };
    readonly after?: { readonly service_policy: Message };
  };
};

const timeoutOf = (event: PolicyEvent): unknown => event.change?.after?.service_policy["timeout_ms"];

describe("a watch", () => {
  it("gives the present rows, then synced, then each change of its kind in the order of revisions", async (t) => {
    const { stream, store } = await openAdminPort(t);
    put(store, [policy("a"), policy("b")]);
    const watched = stream("ServicePolicies.Watch", {});
    t.after(() => watched.cancel());
    watched.on("error", () => {});
    const next = reader(watched) as () => Promise<PolicyEvent>;
    const present = [await next(), await next()];
    assert.deepEqual(
      present.map((event) => [event.revision, event.change?.after?.service_policy["service_name"]]),
      [
        ["1", "a"],
        ["1", "b"],
      ],
    );
    assert.deepEqual(await next(), { revision: "1", synced: true });

    put(store, [route("r", "old", { direct_response: { status: 404 } })]);
    for (let index = 1; index <= 3; index += 1) put(store, [policy("a", { timeout_ms: index })]);
    put(store, [], [{ kind: "ServicePolicy", serviceName: "b" }]);
    const changes = [await next(), await next(), await next(), await next()];
    assert.deepEqual(
      changes.map((event) => event.revision),
      ["3", "4", "5", "6"],
    );
    assert.deepEqual(changes.slice(0, 3).map(timeoutOf), [1, 2, 3]);
    assert.deepEqual(
      [changes[3]?.change?.after, changes[3]?.change?.before?.service_policy["service_name"]],
      [undefined, "b"],
    );
  });

  it("of a reader that does not read ends with RESOURCE_EXHAUSTED and holds up nobody", async (t) => {
    const { stream, store } = await openAdminPort(t);
    const slow = stream("Routes.Watch", {});
    slow.pause();
    const failed = once(slow, "error");
    await once(slow, "metadata");
    const body = "x".repeat(500);
    const rules = (value: number) =>
      Array.from({ length: 1_000 }, (_, index) =>
        route(`r${index}`, "a", { position: value, direct_response: { status: 200, body } }),
      );
    for (let value = 1; value <= 8; value += 1) put(store, rules(value));
    slow.resume();
    // The event carries what the stream failed with.
    const [error] = (await failed) as [ServiceError];
    assert.equal(error.code, status.RESOURCE_EXHAUSTED);
    assert.match(error.details, /read too slowly and missed r\d; watch again/);
  });

  it("that is cancelled listens no more", async (t) => {
    const { stream, store, call } = await openAdminPort(t);
    const watched = stream("ServicePolicies.Watch", {});
    watched.on("error", () => {});
    const next = reader(watched);
    assert.equal((await next())["synced"], true);
    watched.cancel();
    await call("ServicePolicies.List", {});
    put(store, [policy("a")]);
    assert.equal((await call("ServicePolicies.Get", { service_name: "a" })).ok, true);
  });
});
