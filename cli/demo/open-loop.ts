import { randomUUID } from "node:crypto";
import { Agent, request, type IncomingMessage } from "node:http";

import type { Address } from "../../shared/address.ts";

/**
 * Sends requests at the times of a fixed clock, whether or not earlier ones were answered, and measures each from the
 * time it was due: a stall in the mesh shows as latency of every request that fell into it, as users would feel it.
 * Never retries: what fails, failed. Every request carries a unique `x-load-id`, which the answer must repeat in the
 * header of the same name: an answer that went to the wrong request is a failure of its own.
 */
export interface LoadOptions {
  /** Requests per second. */
  readonly rate: number;
  /** Where requests go: a proxy's outbound listener, or a service. */
  readonly target: () => Address;
  /** What request number `sequence` (from 0) is. */
  readonly plan: (sequence: number) => PlannedRequest;
  /** A request not answered after this long is counted as failed. */
  readonly timeoutMs: number;
  /** Called once for each request. */
  readonly onOutcome?: (outcome: Outcome) => void;
}

export interface PlannedRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly host: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Outcome {
  readonly id: string;
  readonly sequence: number;
  readonly request: PlannedRequest;
  /** From the time the request was due. */
  readonly latencyMs: number;
  /** 0 when no answer came. */
  readonly status: number;
  /** Body of the answer, at most 64 KiB. */
  readonly body: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Why it counts as failed; undefined for an answer of 200-399 that is whole and the request's own. */
  readonly failure: string | undefined;
}

const BODY_CHARS_MAX = 64 * 1024;
const TICK_MS = 2;

export class OpenLoopLoad {
  readonly #options: LoadOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 512, scheduling: "lifo" });
  #timer: NodeJS.Timeout | undefined;
  #startedMs = 0;
  #sent = 0;
  #open = 0;
  #answered = 0;
  #failed = 0;
  #latenessMaxMs = 0;
  #idle: (() => void) | undefined;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  start(): void {
    this.#startedMs = performance.now();
    this.#timer = setInterval(() => this.#sendDue(), TICK_MS);
  }

  /** Sends no more; settles when every request sent has its outcome. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#open > 0) await new Promise<void>((done) => (this.#idle = done));
    this.#agent.destroy();
  }

  /** `sent` is always `answered + failed + open`. */
  get counts(): { sent: number; answered: number; failed: number; open: number; latenessMaxMs: number } {
    const { sent, answered, failed, open, latenessMaxMs } = {
      sent: this.#sent,
      answered: this.#answered,
      failed: this.#failed,
      open: this.#open,
      latenessMaxMs: this.#latenessMaxMs,
    };
    return { sent, answered, failed, open, latenessMaxMs };
  }

  #sendDue(): void {
    const nowMs = performance.now();
    // Request number n is due at n / rate: the first one at once.
    const due = Math.floor(((nowMs - this.#startedMs) / 1000) * this.#options.rate) + 1;
    while (this.#sent < due) {
      const dueMs = this.#startedMs + (this.#sent / this.#options.rate) * 1000;
      this.#latenessMaxMs = Math.max(this.#latenessMaxMs, nowMs - dueMs);
      this.#send(this.#sent, dueMs);
    }
  }

  #send(sequence: number, dueMs: number): void {
    const planned = this.#options.plan(sequence);
    const id = randomUUID();
    const { host, port } = this.#options.target();
    this.#sent += 1;
    this.#open += 1;
    let settled = false;
    const settle = (status: number, body: string, headers: Outcome["headers"], failure: string | undefined): void => {
      if (settled) return;
      settled = true;
      const latencyMs = performance.now() - dueMs;
      this.#finish({ id, sequence, request: planned, latencyMs, status, body, headers, failure });
    };
    const outgoing = request({
      host,
      port,
      agent: this.#agent,
      method: planned.method,
      path: planned.path,
      headers: { ...planned.headers, host: planned.host, "x-load-id": id, ...lengthOf(planned.body) },
    });
    outgoing.setTimeout(this.#options.timeoutMs, () => outgoing.destroy(new Error("no answer in time")));
    outgoing.on("error", (error) => settle(0, "", {}, error.message));
    outgoing.on("response", (response) => collect(response, id, settle));
    outgoing.end(planned.body);
  }

  #finish(outcome: Outcome): void {
    this.#open -= 1;
    if (outcome.failure === undefined) this.#answered += 1;
    else this.#failed += 1;
    this.#options.onOutcome?.(outcome);
    if (this.#open === 0) this.#idle?.();
  }
}

function lengthOf(body: string | undefined): Record<string, string> {
  return body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
}

type Settle = (status: number, body: string, headers: Outcome["headers"], failure: string | undefined) => void;

function collect(response: IncomingMessage, id: string, settle: Settle): void {
  const status = response.statusCode ?? 0;
  let body = "";
  response.setEncoding("utf8");
  response.on("data", (text: string) => {
    if (body.length < BODY_CHARS_MAX) body += text;
  });
  response.on("error", (error) => settle(status, body, response.headers, error.message));
  response.on("close", () => settle(status, body, response.headers, "answer cut off"));
  response.on("end", () => {
    if (!response.complete) return settle(status, body, response.headers, "answer cut off");
    settle(status, body, response.headers, judge(status, response.headers["x-load-id"], id, body));
  });
}

function judge(
  status: number,
  answeredId: string | string[] | undefined,
  id: string,
  body: string,
): string | undefined {
  if (status < 200 || status > 399) return `status ${status}: ${body.slice(0, 80).trim()}`;
  if (answeredId !== id) return `the answer is for request ${String(answeredId)}`;
  return undefined;
}
