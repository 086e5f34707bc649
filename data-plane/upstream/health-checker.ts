import type { Address } from "../../shared/address.ts";
import { HEALTH_PROBES_MAX } from "../../shared/limits.ts";
import type { HealthCheckPolicy } from "../../shared/model/cluster-policy.ts";
import type { Random } from "../../shared/random.ts";
import { Deadline, type DeadlineOwner, type TimerWheel } from "../../shared/timer-wheel.ts";
import { HealthState, type Health, type HealthChange } from "../policy/health-state.ts";
import { HealthProbe, type ProbeOwner } from "./health-probe.ts";

/** Checks come this much sooner or later, so that callers do not all ask at once (semantics.md 8). */
const JITTER = 0.2;

export interface CheckTarget {
  readonly address: Address;
  /** The Host to send. */
  readonly authority: string;
  readonly policy: HealthCheckPolicy;
}

export interface CheckOwner {
  /** Asked before each probe; false leaves this turn out. */
  wantsProbe(): boolean;
  /** `change` is set when this result has changed the health. */
  onChecked(check: HealthCheck, passed: boolean, change: HealthChange | undefined): void;
}

/** Sends the probes of all health checks of a proxy, at most HEALTH_PROBES_MAX at once; the rest wait in line. */
export class HealthChecker {
  readonly wheel: TimerWheel;
  readonly random: Random;
  readonly #line = new Set<HealthCheck>();
  #probing = 0;

  constructor(wheel: TimerWheel, random: Random) {
    this.wheel = wheel;
    this.random = random;
  }

  /** Checks the target again and again, first after `firstMs`, until it is cancelled. */
  begin(target: CheckTarget, owner: CheckOwner, firstMs: number): HealthCheck {
    return new HealthCheck(target, owner, this, firstMs);
  }

  /** Lets it probe, now or when others are done. */
  admit(check: HealthCheck): void {
    this.#line.add(check);
    this.#next();
  }

  /** It no longer waits. */
  leave(check: HealthCheck): void {
    this.#line.delete(check);
  }

  /** A probe is over. */
  release(): void {
    this.#probing -= 1;
    this.#next();
  }

  #next(): void {
    for (const check of this.#line) {
      if (this.#probing >= HEALTH_PROBES_MAX) return;
      this.#line.delete(check);
      this.#probing += 1;
      check.probe();
    }
  }
}

/** The health checks of one endpoint: waits, probes, takes in the result, waits again. */
export class HealthCheck implements DeadlineOwner, ProbeOwner {
  readonly target: CheckTarget;
  /** Of the last probe, for people. */
  detail = "not checked yet";
  readonly #owner: CheckOwner;
  readonly #checker: HealthChecker;
  readonly #state = new HealthState();
  readonly #deadline = new Deadline(this);
  #probe: HealthProbe | undefined = undefined;
  #isCancelled = false;

  constructor(target: CheckTarget, owner: CheckOwner, checker: HealthChecker, firstMs: number) {
    this.target = target;
    this.#owner = owner;
    this.#checker = checker;
    checker.wheel.arm(this.#deadline, firstMs);
  }

  get health(): Health {
    return this.#state.health;
  }

  cancel(): void {
    this.#isCancelled = true;
    this.#checker.wheel.cancel(this.#deadline);
    this.#checker.leave(this);
    if (this.#probe === undefined) return;
    this.#probe.cancel();
    this.#probe = undefined;
    this.#checker.release();
  }

  onDeadline(): void {
    if (this.#owner.wantsProbe()) this.#checker.admit(this);
    else this.#wait();
  }

  /** Its turn has come. */
  probe(): void {
    const { address, authority, policy } = this.target;
    const { path, timeoutMs } = policy;
    this.#probe = new HealthProbe({ address, authority, path, timeoutMs }, this, this.#checker.wheel);
  }

  onProbed(passed: boolean, detail: string): void {
    this.#probe = undefined;
    this.#checker.release();
    this.detail = detail;
    const change = this.#state.onChecked(passed, this.target.policy);
    this.#owner.onChecked(this, passed, change);
    if (!this.#isCancelled) this.#wait();
  }

  #wait(): void {
    const { wheel, random } = this.#checker;
    wheel.arm(this.#deadline, this.target.policy.intervalMs * (1 - JITTER + 2 * JITTER * random.unit()));
  }
}
