import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";

import { HttpListener } from "../../../data-plane/listener/http-listener.ts";
import type { Runtime } from "../../../data-plane/runtime/runtime.ts";
import { systemClock } from "../../../shared/clock.ts";
import { LOCAL_APP_CLUSTER } from "../../../shared/model/cluster.ts";
import type { Listener } from "../../../shared/model/listener.ts";
import { TimerWheel, turnWheel } from "../../../shared/timer-wheel.ts";
import { systemTimers } from "../../../shared/timers.ts";
import {
  answering,
  RecordingSink,
  scriptedUpstream,
  turns,
  type ConnectionScript,
} from "../../support/proxy-fixture.ts";
import { bodyOf, RawClient } from "../../support/raw-client.ts";
import { forward, header, route, routeConfig, virtualHost } from "../../support/route-builders.ts";
import {
  assignment,
  compileContext,
  compiled,
  edsCluster,
  outbound,
  snapshotOf,
} from "../../support/snapshot-builders.ts";

interface Proxy {
  readonly port: number;
  readonly sink: RecordingSink;
}

/** One listener with a compiled configuration, as the proxy program makes it. */
async function proxy(
  t: TestContext,
  runtime: Runtime,
  direction: "inbound" | "outbound",
  service: string,
): Promise<Proxy> {
  const wheel = new TimerWheel(systemClock);
  const turning = turnWheel(wheel, systemTimers);
  const sink = new RecordingSink();
  const listener = new HttpListener({
    name: direction,
    direction,
    runtimeOf: () => runtime,
    sink,
    wheel,
    identity: { service, version: "v1" },
    onBug: (error) => {
      throw error;
    },
  });
  const { port } = await listener.listen({ host: "127.0.0.1", port: 0 });
  t.after(() => {
    listener.close();
    for (const cluster of runtime.clusters.values()) for (const { pool } of cluster.endpoints) pool?.drain();
    turning.cancel();
  });
  return { port, sink };
}

function inboundRuntime(appPort: number): Runtime {
  const everything = routeConfig([virtualHost(["*"], [route("app", { action: forward(LOCAL_APP_CLUSTER) })])]);
  const listener: Listener = {
    name: "inbound",
    direction: "inbound",
    bind: undefined,
    routes: { kind: "inline", config: everything },
    statPrefix: "inbound",
  };
  const localApp = { host: "127.0.0.1", port: appPort };
  return compiled(snapshotOf({ listeners: [listener] }), compileContext({ localApp })).runtime;
}

function outboundRuntime(v1Port: number, v2Port: number): Runtime {
  const canary = route("canary", { headers: [header("x-canary", "true")], action: forward("reviews|v2") });
  const snapshot = snapshotOf({
    listeners: [outbound("web")],
    routes: [routeConfig([virtualHost(["reviews"], [canary, route("rest", { action: forward("reviews|v1") })])])],
    clusters: [
      edsCluster("reviews|v1", { service: "reviews", version: "v1" }),
      edsCluster("reviews|v2", { service: "reviews", version: "v2" }),
    ],
    assignments: [assignment("reviews|v1", [`127.0.0.1:${v1Port}`]), assignment("reviews|v2", [`127.0.0.1:${v2Port}`])],
  });
  return compiled(snapshot, compileContext()).runtime;
}

/** Switches at the first request, then echoes. */
const switching: ConnectionScript = (socket) => {
  socket.once("data", (head: Buffer) => {
    const isUpgrade = /\r\nconnection: upgrade\r\nupgrade: websocket\r\n/.test(head.toString("latin1"));
    socket.write(`HTTP/1.1 ${isUpgrade ? 101 : 400} X\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`);
    socket.on("data", (bytes: Buffer) => socket.write(bytes));
    socket.on("end", () => socket.end());
  });
};

/** Answers with the head it got. */
const echo = answering((request) => `HTTP/1.1 200 OK\r\ncontent-length: ${request.length}\r\n\r\n${request}`);

describe("a request through two proxies", () => {
  it("arrives at the app of the chosen version, in one trace, known by its caller", async (t) => {
    const inbound = await Promise.all(
      [0, 1].map(async () => proxy(t, inboundRuntime(await scriptedUpstream(t, echo)), "inbound", "reviews")),
    );
    const [v1, v2] = inbound;
    assert.ok(v1 !== undefined && v2 !== undefined);
    const web = await proxy(t, outboundRuntime(v1.port, v2.port), "outbound", "web");
    const client = await RawClient.connect(web.port);
    const ask = async (headers: string): Promise<string> => {
      client.write(`GET /a?b HTTP/1.1\r\nhost: reviews\r\n${headers}\r\n`);
      return bodyOf(await client.response());
    };

    const plain = await ask("");
    assert.match(plain, /^GET \/a\?b HTTP\/1\.1\r\nhost: reviews\r\n/);
    assert.match(plain, /\r\nx-heddle-source: web\r\n/);
    assert.equal(v1.sink.finished.length, 1);
    assert.match(await ask("x-canary: true\r\n"), /\r\nx-heddle-source: web\r\n/);
    assert.equal(v2.sink.finished.length, 1);

    const out = web.sink.finished[0];
    const within = v1.sink.finished[0];
    assert.ok(out !== undefined && within !== undefined);
    assert.equal(within.traceId, out.traceId);
    assert.equal(within.requestId, out.requestId);
    assert.match(plain, new RegExp(`\r\ntraceparent: 00-${out.traceId}-[0-9a-f]{16}-0[01]\r\n`));
    assert.deepEqual([out.source, out.destination], ["web", "reviews"]);
    assert.deepEqual([within.source, within.destination], ["web", "reviews"]);
    client.destroy();
  });

  it("becomes a tunnel through both, each of which tells of it once", async (t) => {
    const inbound = await proxy(t, inboundRuntime(await scriptedUpstream(t, switching)), "inbound", "reviews");
    const web = await proxy(t, outboundRuntime(inbound.port, inbound.port), "outbound", "web");
    const client = await RawClient.connect(web.port);
    client.write("GET /ws HTTP/1.1\r\nhost: reviews\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\nearly");
    await client.until(() => client.received.endsWith("\r\n\r\nearly"));
    assert.match(client.received, /^HTTP\/1\.1 101 X\r\n/);
    client.socket.end(" and late");
    await client.closed();
    assert.match(client.received, /\r\n\r\nearly and late$/);
    while (web.sink.finished.length + inbound.sink.finished.length < 2) await turns(1);
    for (const { sink } of [web, inbound]) {
      assert.deepEqual(
        sink.finished.map(({ status, flag, bytesReceived, bytesSent }) => ({ status, flag, bytesReceived, bytesSent })),
        [{ status: 101, flag: "", bytesReceived: 14, bytesSent: 14 }],
      );
    }
  });

  it("of OPTIONS for a whole server finds its service, as every other", async (t) => {
    const inbound = await proxy(t, inboundRuntime(await scriptedUpstream(t, echo)), "inbound", "reviews");
    const web = await proxy(t, outboundRuntime(inbound.port, inbound.port), "outbound", "web");
    const client = await RawClient.connect(web.port);
    client.write("OPTIONS * HTTP/1.1\r\nhost: reviews\r\nmax-forwards: 2\r\n\r\n");
    const seen = bodyOf(await client.response());
    assert.match(seen, /^OPTIONS \* HTTP\/1\.1\r\nhost: reviews\r\n/);
    assert.match(seen, /\r\nmax-forwards: 0\r\n/);
    client.destroy();
  });
});
