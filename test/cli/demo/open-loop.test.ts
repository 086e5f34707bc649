import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";

import { OpenLoopLoad, type Outcome } from "../../../cli/demo/open-loop.ts";

/** One request every quarter of an hour: only the first one is ever due in a test. */
const RATE = 0.001;

/** The outcome of the first request of a load against `answer`. */
async function firstOutcome(t: TestContext, answer: RequestListener): Promise<Outcome> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo; // a TCP server's address
  const outcome = Promise.withResolvers<Outcome>();
  const load = new OpenLoopLoad({
    rate: RATE,
    target: () => ({ host: "127.0.0.1", port }),
    plan: () => ({ method: "POST", path: "/a", host: "web", body: "stars=5" }),
    timeoutMs: 10_000,
    onOutcome: outcome.resolve,
  });
  load.start();
  const first = await outcome.promise;
  await load.stop();
  const { sent, answered, failed, open } = load.counts;
  assert.deepEqual([sent, answered + failed, open], [1, 1, 0]);
  return first;
}

const echo: RequestListener = (incoming, outgoing) => {
  outgoing.setHeader("x-load-id", String(incoming.headers["x-load-id"]));
  incoming.resume().on("end", () => outgoing.end(`${incoming.method} ${incoming.headers.host}`));
};

describe("an open loop of requests", () => {
  it("sends the first at once, not one period later", async (t: TestContext) => {
    const { failure, status, body, sequence } = await firstOutcome(t, echo);
    assert.deepEqual([failure, status, body, sequence], [undefined, 200, "POST web", 0]);
  });

  it("counts an answer to another request as failed", async (t: TestContext) => {
    const { failure } = await firstOutcome(t, (_, outgoing) => {
      outgoing.setHeader("x-load-id", "another");
      outgoing.end();
    });
    assert.equal(failure, "the answer is for request another");
  });

  it("counts an error status as failed, with its words", async (t: TestContext) => {
    const { failure } = await firstOutcome(t, (_, outgoing) => {
      outgoing.writeHead(503);
      outgoing.end("heddle: nobody there\n");
    });
    assert.equal(failure, "status 503: heddle: nobody there");
  });

  it("counts an answer that is cut off as failed", async (t: TestContext) => {
    const { failure } = await firstOutcome(t, (incoming, outgoing) => {
      outgoing.writeHead(200, { "content-length": 100, "x-load-id": String(incoming.headers["x-load-id"]) });
      outgoing.write("half", () => outgoing.destroy());
    });
    assert.notEqual(failure, undefined);
  });

  it("counts a connection that closes without an answer as failed", async (t: TestContext) => {
    const { failure, status } = await firstOutcome(t, (incoming) => incoming.socket.destroy());
    assert.equal(status, 0);
    assert.match(String(failure), /hang up|ECONNRESET/);
  });
});
