import { Deadline, type DeadlineOwner } from "../../shared/timer-wheel.ts";
import type { FaultRuntime, RouteRuntime } from "../runtime/runtime.ts";
import type { RequestContext } from "./request-context.ts";

/** Told once that the fault has done with the request: `abortStatus` answers it, 0 lets it go on. */
export interface FaultOwner {
  onFaultPassed(route: RouteRuntime, abortStatus: number): void;
  onBug(error: unknown): void;
}

/** A request that a fault holds. Delay first, then abort: drawn apart, so that a request may meet both (seed F2.34). */
export class FaultHold implements DeadlineOwner {
  readonly #ctx: RequestContext;
  readonly #owner: FaultOwner;
  readonly #route: RouteRuntime;
  readonly #deadline = new Deadline(this);

  constructor(ctx: RequestContext, owner: FaultOwner, route: RouteRuntime) {
    this.#ctx = ctx;
    this.#owner = owner;
    this.#route = route;
  }

  /** May tell the owner at once. */
  begin(fault: FaultRuntime): void {
    const { random, wheel } = this.#ctx.services;
    const delayMs = fault.delayMs(random.unit());
    if (delayMs === 0) return this.#pass();
    this.#ctx.flag = "DI";
    return wheel.arm(this.#deadline, delayMs);
  }

  end(): void {
    this.#ctx.services.wheel.cancel(this.#deadline);
  }

  onDeadline(): void {
    try {
      this.#pass();
    } catch (error) {
      this.#owner.onBug(error);
    }
  }

  #pass(): void {
    const abortStatus = this.#route.fault?.abortStatus(this.#ctx.services.random.unit()) ?? 0;
    this.#owner.onFaultPassed(this.#route, abortStatus);
  }
}
