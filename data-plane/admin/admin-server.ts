import type { IncomingMessage, Server, ServerResponse } from "node:http";

import { isIP } from "node:net";

import type { Address } from "../../shared/address.ts";
import { ADMIN_CONNECTIONS_MAX } from "../../shared/limits.ts";
import { createServer } from "../../shared/node-http.ts";
import type { AdminErrorJson, ConfigStateJson, DrainJson } from "./admin-json.ts";
import type { ProxyReport } from "./proxy-report.ts";

/** What operators may do here, beside looking. */
export interface AdminActions {
  readonly drain: () => void;
  readonly quit: () => void;
}

const JSON_TYPE = "application/json";
const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly allow?: string;
}

type Method = "GET" | "POST";

/** How each path answers; see admin-json.ts. */
interface Page {
  readonly method: Method;
  readonly answer: () => Answer | Promise<Answer>;
}

/**
 * The proxy's admin port. For people, scripts and Prometheus on the same machine: it has no authentication, so it
 * belongs on loopback, and a page in a browser must not be able to use it. Hence names are refused in Host (DNS
 * rebinding), requests that carry an Origin are refused, and nothing changes by GET.
 */
export class AdminServer {
  readonly #server: Server;
  readonly #pages: ReadonlyMap<string, Page>;
  readonly #report: ProxyReport;

  constructor(report: ProxyReport, actions: AdminActions) {
    this.#report = report;
    this.#pages = pagesOf(report, actions);
    this.#server = createServer(
      { keepAliveTimeout: 5_000, requestTimeout: 10_000 },
      (request, response) => void this.#onRequest(request, response),
    );
    this.#server.maxConnections = ADMIN_CONNECTIONS_MAX;
  }

  listen(address: Address): Promise<Address> {
    return new Promise((settle, fail) => {
      // It stays: later errors are of connections that could not be accepted, and no reason to end the process.
      this.#server.on("error", fail);
      this.#server.listen(address.port, address.host, () => {
        const bound = this.#server.address();
        settle(bound === null || typeof bound === "string" ? address : { host: bound.address, port: bound.port });
      });
    });
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.resume();
    const answer = await this.#answer(request);
    response.writeHead(answer.status, {
      "content-type": answer.type,
      "content-length": Buffer.byteLength(answer.body),
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      "x-heddle-config-source": sourceHeader(this.#report.config()),
      ...(answer.allow === undefined ? {} : { allow: answer.allow }),
    });
    response.end(request.method === "HEAD" ? undefined : answer.body);
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    if (!isAddressOrLocal(request.headers.host ?? "")) return refused(403, "Host must be an IP address or localhost");
    if (request.headers.origin !== undefined) return refused(403, "this port is not for pages in a browser");
    const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
    const page = this.#pages.get(path);
    if (page === undefined)
      return refused(404, `${path} does not exist; there are ${[...this.#pages.keys()].join(", ")}`);
    const method = request.method === "HEAD" ? "GET" : request.method;
    if (method !== page.method) {
      return { ...refused(405, `${path} is asked with ${page.method}, not ${request.method}`), allow: page.method };
    }
    try {
      return await page.answer();
    } catch (error) {
      return refused(500, error instanceof Error ? error.message : String(error));
    }
  }
}

function pagesOf(report: ProxyReport, actions: AdminActions): ReadonlyMap<string, Page> {
  const metrics: Page = {
    method: "GET",
    answer: async () => ({ status: 200, type: METRICS_TYPE, body: await report.metrics() }),
  };
  const draining: DrainJson = { draining: true };
  return new Map<string, Page>([
    [
      "/ready",
      {
        method: "GET",
        answer: () => {
          const ready = report.ready();
          return shown(ready, ready.state === "ready" ? 200 : 503);
        },
      },
    ],
    ["/metrics", metrics],
    ["/stats/prometheus", metrics],
    ["/config_dump", { method: "GET", answer: async () => shown(await report.configDump()) }],
    ["/clusters", { method: "GET", answer: async () => shown(await report.clusters()) }],
    ["/decisions", { method: "GET", answer: async () => shown(await report.decisions()) }],
    ["/listeners", { method: "GET", answer: () => shown(report.listeners()) }],
    ["/drain", { method: "POST", answer: () => acted(actions.drain, draining) }],
    ["/quitquitquit", { method: "POST", answer: () => acted(actions.quit, draining) }],
  ]);
}

function shown(value: object, status = 200): Answer {
  return { status, type: JSON_TYPE, body: `${JSON.stringify(value, undefined, 2)}\n` };
}

function acted(act: () => void, answer: object): Answer {
  act();
  return shown(answer, 202);
}

function refused(status: number, error: string): Answer {
  const body: AdminErrorJson = { error };
  return shown(body, status);
}

function sourceHeader({ source, revision, ageMs }: ConfigStateJson): string {
  return `${source}; revision=${revision}; age=${Math.floor(ageMs / 1_000)}`;
}

function isAddressOrLocal(host: string): boolean {
  const name = host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  return name === "localhost" || isIP(name) !== 0;
}
