import { Worker } from "node:worker_threads";

import { quantile } from "../figures/spread.ts";
import { Exchange } from "./exchange.ts";
import type { Order, Report, Timing } from "./order.ts";
import { requestTemplate } from "./shapes.ts";

/** Requests that are due and wait for a free connection. Past this the proxy cannot carry the rate. */
const WAITING_MAX = 20_000;
const GRACE_MS = 10_000;
/**
 * Requests fall due in bursts, so many times a second. Waking up for each would cost the generator more than sending it, on
 * a machine whose cores it shares with the proxy.
 */
const BURSTS_PER_SECOND = 1_000;
/** Time for the pacing thread to start. */
const LEAD_MS = 200;

type OpenOrder = Order & { kind: "open" };

/** Sends at fixed times and counts each answer from the time its request was due, even when it had to wait to be sent. */
export async function openLoop(order: OpenOrder): Promise<Omit<Report, "elapsedMs" | "cpuPercent">> {
  const loop = new OpenLoop(order);
  try {
    return await loop.run();
  } finally {
    await loop.close();
  }
}

class OpenLoop {
  readonly #order: OpenOrder;
  readonly #count: number;
  readonly #burst: number;
  readonly #gapMs: number;
  readonly #exchanges: Exchange[] = [];
  readonly #free: Exchange[] = [];
  /** Due times; `#waitingFrom` is the first that is not yet sent. */
  readonly #waiting: number[] = [];
  #waitingFrom = 0;
  readonly #latenciesMs: number[] = [];
  readonly #lateMs: number[] = [];
  readonly #done = Promise.withResolvers<void>();
  #startMs = 0;
  #scheduled = 0;
  #nextId = 0;
  #pacer: Worker | undefined;

  constructor(order: OpenOrder) {
    this.#order = order;
    this.#count = Math.round(order.perSecond * order.seconds);
    this.#burst = Math.max(1, Math.round(order.perSecond / BURSTS_PER_SECOND));
    this.#gapMs = (1_000 * this.#burst) / order.perSecond;
  }

  async run(): Promise<Omit<Report, "elapsedMs" | "cpuPercent">> {
    const template = requestTemplate(this.#order.shape, this.#order.authority);
    await this.#connect();
    this.#startMs = performance.now() + LEAD_MS;
    const startMs = performance.timeOrigin + this.#startMs;
    const workerData = { gapMs: this.#gapMs, startMs, count: Math.ceil(this.#count / this.#burst) };
    this.#pacer = new Worker(new URL("./pacer.ts", import.meta.url), { workerData });
    this.#pacer.on("message", () => this.#sendDue());
    const stuck = setTimeout(
      () => this.#done.reject(new Error(`${this.#count - this.#latenciesMs.length} requests had no answer`)),
      this.#order.seconds * 1_000 + LEAD_MS + GRACE_MS,
    );
    await this.#done.promise.finally(() => clearTimeout(stuck));
    const payloadBytes = this.#count * (template.requestBytes + template.responseBytes);
    return { requests: this.#count, payloadBytes, timing: this.#timing() };
  }

  async close(): Promise<void> {
    for (const exchange of this.#exchanges) exchange.close();
    await this.#pacer?.terminate();
  }

  async #connect(): Promise<void> {
    const template = requestTemplate(this.#order.shape, this.#order.authority);
    const connected = Promise.withResolvers<void>();
    const onFailed = (reason: string): void => {
      connected.reject(new Error(reason));
      this.#done.reject(new Error(reason));
    };
    // A failure before anybody waits for the end must not count as unhandled.
    this.#done.promise.catch(() => undefined);
    const onConnected = (exchange: Exchange): void => {
      if (this.#free.push(exchange) === this.#order.connections) connected.resolve();
    };
    const onAnswered = (exchange: Exchange): void => this.#onAnswered(exchange);
    for (let index = 0; index < this.#order.connections; index += 1)
      this.#exchanges.push(new Exchange(this.#order, template, { onConnected, onAnswered, onFailed }));
    await connected.promise;
  }

  #sendDue(): void {
    const nowMs = performance.now();
    for (; this.#scheduled < this.#count; this.#scheduled += 1) {
      const dueMs = this.#startMs + Math.floor(this.#scheduled / this.#burst) * this.#gapMs;
      if (dueMs > nowMs) return;
      // The one that has rested longest, so that all stay in use.
      const exchange = this.#free.shift();
      if (exchange === undefined) this.#wait(dueMs);
      else {
        this.#lateMs.push(nowMs - dueMs);
        this.#send(exchange, dueMs);
      }
    }
  }

  #wait(dueMs: number): void {
    this.#waiting.push(dueMs);
    if (this.#waiting.length - this.#waitingFrom > WAITING_MAX)
      this.#done.reject(new Error(`${WAITING_MAX} requests wait: the proxy does not carry the rate`));
  }

  #send(exchange: Exchange, dueMs: number): void {
    exchange.dueMs = dueMs;
    exchange.send(this.#nextId++);
  }

  #onAnswered(exchange: Exchange): void {
    this.#latenciesMs.push(performance.now() - exchange.dueMs);
    const dueMs = this.#waiting[this.#waitingFrom];
    if (dueMs === undefined) this.#free.push(exchange);
    else {
      this.#waitingFrom += 1;
      this.#send(exchange, dueMs);
    }
    if (this.#latenciesMs.length === this.#count) this.#done.resolve();
  }

  #timing(): Timing {
    const sorted = this.#latenciesMs.toSorted((a, b) => a - b);
    const late = this.#lateMs.toSorted((a, b) => a - b);
    return {
      p50Ms: quantile(sorted, 0.5),
      p99Ms: quantile(sorted, 0.99),
      p999Ms: quantile(sorted, 0.999),
      lateP99Ms: quantile(late, 0.99),
    };
  }
}
