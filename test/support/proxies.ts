import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout as wait } from "node:timers/promises";
import type { TestContext } from "node:test";

import { startProxy, type Proxy } from "../../data-plane/app.ts";
import type { ProxyConfig } from "../../data-plane/config.ts";
import { readProxyLimits } from "../../data-plane/proxy-limits.ts";
import type { Address } from "../../shared/address.ts";

const anyPort: Address = { host: "127.0.0.1", port: 0 };

type Given = Partial<ProxyConfig> & Pick<ProxyConfig, "service" | "controlPlanes">;

/** On free ports, without logs. */
export function proxyConfig(given: Given): ProxyConfig {
  return {
    version: "",
    name: undefined,
    app: undefined,
    outbound: anyPort,
    inbound: anyPort,
    admin: anyPort,
    upstreams: [],
    stateFolder: undefined,
    readyFile: undefined,
    egress: "registry-only",
    workers: 1,
    pathMode: "reject",
    underscores: "keep",
    limits: readProxyLimits({}, []),
    accessLog: "off",
    logLevel: "silent",
    acceptOlder: false,
    ...given,
  };
}

/** A proxy in this process. Stopped when the test ends, also after it was stopped before. */
export async function openProxy(t: TestContext, given: Given): Promise<Proxy> {
  const proxy = await startProxy(proxyConfig(given));
  t.after(() => proxy.stop());
  return proxy;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** One request on a connection of its own. */
export async function ask(
  address: Address,
  { method = "GET", path = "/", headers = {} }: { method?: string; path?: string; headers?: Record<string, string> },
): Promise<Answer> {
  const call = httpRequest({ ...address, method, path, headers, agent: false });
  call.end();
  const [response] = await once(call, "response");
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

export interface App extends Address {
  /** Requests that came and are not answered. */
  readonly held: number;
  /** From now on requests are kept without an answer, until `release`. */
  hold(): void;
  release(): void;
}

/** An app that answers with its name. */
export async function openApp(t: TestContext, name: string, delayMs = 0): Promise<App> {
  const held: ServerResponse[] = [];
  let isHolding = false;
  const server = createServer((_request, response) => {
    if (isHolding) held.push(response);
    else setTimeout(() => response.end(name), delayMs);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  return {
    host: "127.0.0.1",
    port: address.port,
    get held() {
      return held.length;
    },
    hold: () => (isHolding = true),
    release: () => {
      isHolding = false;
      for (const response of held.splice(0)) response.end(name);
    },
  };
}

/** Long: the machine may be busy with other tests. */
const PATIENCE_MS = 90_000;

/** Asks until the answer is the wanted one; fails with the last answer when it never is. */
export async function eventually<T>(look: () => Promise<T>, isWanted: (value: T) => boolean): Promise<T> {
  const endMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const value = await look();
    if (isWanted(value)) return value;
    assert.ok(performance.now() < endMs, `still ${JSON.stringify(value)}`);
    await wait(10);
  }
}
