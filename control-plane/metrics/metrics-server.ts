import type { Server } from "node:http";

import type { Address } from "../../shared/address.ts";
import { createServer } from "../../shared/node-http.ts";
import { err, ok, type Result } from "../../shared/result.ts";

/** A small HTTP port for Prometheus: `GET /metrics` and nothing else. */
export class MetricsServer {
  readonly #server: Server;

  constructor(text: () => string) {
    this.#server = createServer((request, response) => {
      if (request.method === "GET" && request.url === "/metrics") {
        response.setHeader("content-type", "text/plain; version=0.0.4; charset=utf-8").end(text());
      } else {
        response.writeHead(404).end("only GET /metrics is here\n");
      }
    });
  }

  start({ host, port }: Address): Promise<Result<Address, string>> {
    return new Promise((resolve) => {
      // It stays: later errors are of connections that could not be accepted, and no reason to end the process.
      this.#server.on("error", (error: NodeJS.ErrnoException) => {
        resolve(err(error.code === "EADDRINUSE" ? `port ${port} of ${host} is in use` : error.message));
      });
      this.#server.listen({ host, port }, () => {
        const bound = this.#server.address();
        resolve(ok({ host, port: typeof bound === "object" && bound !== null ? bound.port : port }));
      });
    });
  }

  stop(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
