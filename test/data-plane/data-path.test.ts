import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";

import type { Proxy } from "../../data-plane/app.ts";
import { LoadShedder } from "../../data-plane/policy/load-shedder.ts";
import { readProxyLimits, type ProxyLimitSettings } from "../../data-plane/proxy-limits.ts";
import { ask, eventually, openProxy } from "../support/proxies.ts";
import { RawClient } from "../support/raw-client.ts";

const get = (fields: string): string => `GET / HTTP/1.1\r\nHost: reviews\r\n${fields}\r\n`;
/** Without a configuration: what is within all limits gets this. */
const WITHIN = /^HTTP\/1\.1 503 .*x-heddle-error: no-config\r\n/s;

async function limited(t: TestContext, limits: ProxyLimitSettings): Promise<Proxy> {
  const nobody = { host: "127.0.0.1", port: 1 };
  return openProxy(t, { service: "web", controlPlanes: [nobody], limits: readProxyLimits(limits, []) });
}

async function connect(t: TestContext, proxy: Proxy, from?: string): Promise<RawClient> {
  const client = await RawClient.connect(proxy.addresses.outbound.port, from);
  t.after(() => client.destroy());
  return client;
}

async function send(t: TestContext, proxy: Proxy, text: string): Promise<string> {
  const client = await connect(t, proxy);
  client.write(text);
  return client.response();
}

/** The metric has come to its value: some things are counted after the client has seen them. */
async function counted(proxy: Proxy, line: string): Promise<void> {
  const look = async (): Promise<string> => (await ask(proxy.addresses.admin, { path: "/metrics" })).body;
  await eventually(look, (text) => text.includes(`${line}\n`));
}

describe("each limit that is set", () => {
  it("on heads and bodies has its answer, its error and its metric", async (t) => {
    const proxy = await limited(t, { headBytesMax: "1024", headFieldsMax: "5", bodyBytesMax: "9" });
    const rows: readonly (readonly [string, RegExp, string])[] = [
      [get(`x: ${"y".repeat(900)}\r\n`), WITHIN, "no-config"],
      [get(`x: ${"y".repeat(1_024)}\r\n`), /^HTTP\/1\.1 431 .*x-heddle-error: head_too_large\r\n/s, "head_too_large"],
      [get("x: y\r\n".repeat(5)), /^HTTP\/1\.1 431 .*x-heddle-error: too_many_fields\r\n/s, "too_many_fields"],
      [get("content-length: 10\r\n"), /^HTTP\/1\.1 413 .*x-heddle-error: body_too_large\r\n/s, "body_too_large"],
    ];
    for (const [text, answer, detail] of rows) {
      assert.match(await send(t, proxy, text), answer);
      await counted(proxy, `heddle_request_details_total{detail="${detail}"} 1`);
    }
  });

  it("on time ends a head with 408, and what is idle with a close", async (t) => {
    const proxy = await limited(t, { headTimeoutMs: "100", idleTimeoutMs: "100" });
    assert.match(await send(t, proxy, "GET / HT"), /^HTTP\/1\.1 408 .*x-heddle-error: client-timeout\r\n/s);
    await counted(proxy, 'heddle_request_details_total{detail="client-timeout"} 1');
    const idle = await connect(t, proxy);
    idle.write(get(""));
    assert.match(await idle.response(), WITHIN);
    await idle.ended();
    assert.equal(idle.received, "");
    await counted(proxy, 'heddle_downstream_connections_idle_closed_total{listener="outbound"} 1');
  });

  it("on connections has its answer and its metric", async (t) => {
    const proxy = await limited(t, { connectionsMax: "2", clientConnectionsMax: "1", connectionRequestsMax: "2" });
    const first = await connect(t, proxy);
    first.write(get(""));
    assert.match(await first.response(), WITHIN);
    assert.match(await send(t, proxy, get("")), /^HTTP\/1\.1 503 .*x-heddle-error: overload\r\n/s);
    await counted(proxy, 'heddle_downstream_connections_refused_total{listener="outbound",limit="client"} 1');
    const second = await connect(t, proxy, "127.0.0.2");
    second.write(get(""));
    assert.match(await second.response(), WITHIN);
    const third = await connect(t, proxy, "127.0.0.3");
    third.write(get(""));
    assert.match(await third.response(), /x-heddle-error: overload\r\n/);
    await counted(proxy, 'heddle_downstream_connections_refused_total{listener="outbound",limit="connections"} 1');
    first.write(get(""));
    assert.match(await first.response(), /\r\nconnection: close\r\n/);
    await counted(proxy, 'heddle_downstream_connections_exhausted_total{listener="outbound"} 1');
  });
});

describe("the load shedders of a proxy", () => {
  it("hear each turn of its loop, and for how long the loop has had nothing to do", async (t) => {
    const onTurn = t.mock.method(LoadShedder.prototype, "onTurn");
    await limited(t, {});
    const shedders = (): unknown[] => [...new Set(onTurn.mock.calls.map((call): unknown => call.this))];
    const turnsOf = (shedder: unknown): [number, number][] =>
      onTurn.mock.calls.filter((call) => call.this === shedder).map(({ arguments: told }) => told);
    await eventually(
      async () => Math.min(...[0, 1].map((at) => turnsOf(shedders()[at]).length)),
      (count) => count >= 3,
    );
    assert.equal(shedders().length, 2);
    for (const shedder of shedders()) {
      for (const [at, [nowMs, idleMs]] of turnsOf(shedder).entries()) {
        const [beforeMs, idleBeforeMs] = turnsOf(shedder)[at - 1] ?? [0, 0];
        // Nobody asks anything of it: it is idle for most of the time, and never for longer.
        assert.ok(nowMs > beforeMs && idleMs > idleBeforeMs && idleMs - idleBeforeMs <= nowMs - beforeMs, `turn ${at}`);
      }
    }
  });
});
