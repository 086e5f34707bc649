import { Deadline, type DeadlineOwner } from "../../shared/timer-wheel.ts";
import type { RequestContext } from "./request-context.ts";

/** Hears when nothing has passed in either direction for too long (Envoy `stream_idle_timeout`; of a tunnel, its own). */
export class IdleWatch {
  readonly #ctx: RequestContext;
  readonly #deadline: Deadline;
  #idleMs: number;

  constructor(ctx: RequestContext, owner: DeadlineOwner, idleMs: number) {
    this.#ctx = ctx;
    this.#deadline = new Deadline(owner);
    this.#idleMs = idleMs;
    this.onActivity();
  }

  isOf(deadline: Deadline): boolean {
    return deadline === this.#deadline;
  }

  /** The request has become a tunnel, which may be silent for longer. */
  widen(idleMs: number): void {
    this.#idleMs = idleMs;
    this.onActivity();
  }

  /** Bytes have passed. */
  onActivity(): void {
    this.#ctx.services.wheel.arm(this.#deadline, this.#idleMs);
  }

  end(): void {
    this.#ctx.services.wheel.cancel(this.#deadline);
  }
}

/** Most requests end by their timeout before they could be idle for so long: they need no second deadline. */
export function watchIdleness(ctx: RequestContext, owner: DeadlineOwner): IdleWatch | undefined {
  const { streamIdleMs } = ctx.services;
  const endsBefore = ctx.body.isComplete && ctx.timeoutMs <= streamIdleMs;
  return streamIdleMs === 0 || endsBefore ? undefined : new IdleWatch(ctx, owner, streamIdleMs);
}
