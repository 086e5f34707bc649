import type { Clock } from "../../shared/clock.ts";

/** Time that passes only when a test says so. */
export class ManualClock implements Clock {
  now = 1_000_000.5;

  nowMs(): number {
    return this.now;
  }

  wallMs(): number {
    return Math.floor(this.now) + 1_700_000_000_000;
  }
}
