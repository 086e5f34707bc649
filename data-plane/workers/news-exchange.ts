import { BroadcastChannel } from "node:worker_threads";

import { WORKER_NEWS_MS } from "../../shared/defaults.ts";
import type { Timer, Timers } from "../../shared/timers.ts";
import type { BreakerView } from "../policy/circuit-breaker.ts";
import type { Verdict } from "../policy/verdict.ts";
import { NewsDesk, type EjectionNews, type News } from "./worker-news.ts";

/**
 * Tells the other workers what this one met, and hears the same of them: each then decides as if it had met all of it, a
 * few milliseconds later. What must be exact at every moment is not news but a shared count.
 */
export class NewsExchange {
  readonly #channel: BroadcastChannel;
  readonly #timers: Timers;
  readonly #desk = new NewsDesk();
  #timer: Timer | undefined = undefined;
  #isClosed = false;

  /** All workers of one proxy meet under `name`. */
  constructor(name: string, timers: Timers, onNews: (news: News) => void) {
    this.#timers = timers;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = (message: unknown) => onNews(newsOf(message));
    this.#channel.unref();
  }

  // Hot.
  onAttempt(cluster: string, endpoint: string, verdict: Verdict): void {
    this.#desk.onAttempt(cluster, endpoint, verdict);
    this.#schedule();
  }

  // Hot.
  onBudget(cluster: string, requests: number, retries: number): void {
    this.#desk.onBudget(cluster, requests, retries);
    this.#schedule();
  }

  // Hot.
  onToken(limit: string, key: string): void {
    this.#desk.onToken(limit, key);
    this.#schedule();
  }

  /** Goes at once, with all that came before it: a breaker that opens is why the others stop. */
  onBreaker(service: string, view: BreakerView): void {
    this.#desk.onBreaker(service, view);
    this.#post();
  }

  /** Goes at once, like a breaker. */
  onEjection(ejection: EjectionNews): void {
    this.#desk.onEjection(ejection);
    this.#post();
  }

  /** What comes afterwards is nobody's news. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#channel.close();
  }

  #schedule(): void {
    if (this.#desk.isFull) this.#post();
    else this.#timer ??= this.#timers.after(WORKER_NEWS_MS, () => this.#post());
  }

  #post(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (!this.#isClosed && !this.#desk.isEmpty) this.#channel.postMessage(this.#desk.take());
  }
}

/** Only exchanges post to the channel. */
function newsOf(message: unknown): News {
  return (message as { readonly data: News }).data;
}
