import { CircuitBreaker, REFUSED } from "../../data-plane/policy/circuit-breaker.ts";
import type { Verdict } from "../../data-plane/policy/verdict.ts";
import { parseTraceparent, uuidOfTraceId } from "../../data-plane/telemetry/trace-context.ts";
import type { Clock } from "../../shared/clock.ts";
import type { Ids, Random } from "../../shared/random.ts";
import type { BadMessage, CallMessage, DiscoverMessage, Message, MessageId } from "./read-message.ts";
import type { Registry } from "./registry.ts";

/** One reply, in the order of its keys on the line. */
export type Reply = Readonly<Record<string, unknown>>;

export interface NodeServices {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: Ids;
  /** Settles after so many milliseconds. */
  readonly wait: (ms: number) => Promise<void>;
}

/** Services that calls may name and that keep a breaker; beyond it the one first called is forgotten. */
const BREAKERS_MAX = 1_000;

/**
 * The sidecar of the seeds' exercise (F0, F1), made of the mesh's own parts: its breaker, its registry of instances, its
 * trace ids. It carries no bytes: what an attempt comes to is said by the message (`force_failures`).
 */
export class SidecarNode {
  readonly #services: NodeServices;
  readonly #breakers = new Map<string, CircuitBreaker>();

  constructor(services: NodeServices) {
    this.#services = services;
  }

  async answer(message: Message): Promise<Reply> {
    switch (message.type) {
      case "discover":
        return this.#discover(message);
      case "call":
        return this.#call(message);
      case "direct":
        return message.message;
    }
  }

  #discover({ msgId, service }: DiscoverMessage): Reply {
    const instances = this.#services.registry.instances(service);
    return { type: "discovered", in_reply_to: msgId, service, instances };
  }

  /** Attempts until one succeeds, the policy has had enough, or the breaker is open (F0.12, F0.13). */
  async #call(call: CallMessage): Promise<Reply> {
    const { msgId, service } = call;
    const { retry } = this.#services.registry.policies(service);
    const baseMs = call.baseMs ?? retry.retryBackoffBaseMs;
    // With a breaker it is the breaker that ends a row of failures.
    const attemptsMax = call.usesBreaker ? Infinity : retry.retryAttempts;
    for (let attempt = 1; ; attempt += 1) {
      const verdict: Verdict = attempt > call.forceFailures ? "success" : "local";
      if (!this.#attempt(call, verdict)) {
        return { type: "circuit_breaker_open", in_reply_to: msgId, service, reason: "Too many failures" };
      }
      if (verdict === "success") return proxied(call, this.#traceId(call), attempt);
      if (attempt >= attemptsMax) {
        return { type: "call_failed", in_reply_to: msgId, service, attempts: attempt, reason: "Retries exhausted" };
      }
      await this.#services.wait(Math.min(retry.retryBackoffMaxMs, baseMs * 2 ** (attempt - 1)));
    }
  }

  /** One attempt with the result that the message wants. False: the breaker let none through. */
  #attempt({ service, usesBreaker }: CallMessage, verdict: Verdict): boolean {
    if (!usesBreaker) return true;
    const { clock, random, registry } = this.#services;
    const breaker = this.#breakerOf(service);
    const permit = breaker.admit(clock.nowMs());
    if (permit === REFUSED) return false;
    breaker.report(registry.policies(service).breaker, permit, { verdict, nowMs: clock.nowMs() }, random.unit());
    return true;
  }

  /** That of the caller, when it says so, else a new one: unique for each call (F0.6). */
  #traceId({ traceparent }: CallMessage): string {
    const parent = parseTraceparent(traceparent);
    return uuidOfTraceId(parent?.traceId ?? this.#services.ids.traceId());
  }

  #breakerOf(service: string): CircuitBreaker {
    const known = this.#breakers.get(service);
    if (known !== undefined) return known;
    const [first] = this.#breakers.keys();
    if (this.#breakers.size >= BREAKERS_MAX && first !== undefined) this.#breakers.delete(first);
    const breaker = new CircuitBreaker();
    this.#breakers.set(service, breaker);
    return breaker;
  }
}

/** The seeds' reply to the letter; how often it was tried is only said when it was more than once. */
function proxied({ msgId, proxiedBy }: CallMessage, traceId: string, attempts: number): Reply {
  const reply = { type: "proxied", in_reply_to: msgId, proxied_by: proxiedBy, trace_id: traceId };
  return attempts === 1 ? reply : { ...reply, attempts };
}

/** The reply to a line that is no message, or to one that asks for what there is not. */
export function errorReply({ msgId, text }: BadMessage): Reply {
  return { type: "error", in_reply_to: msgId satisfies MessageId, text };
}
