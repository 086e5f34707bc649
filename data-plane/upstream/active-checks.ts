import type { Address } from "../../shared/address.ts";
import type { HealthCheckPolicy } from "../../shared/model/cluster-policy.ts";
import type { CheckOwner, HealthCheck, HealthChecker } from "./health-checker.ts";

/** What shall be checked from now on. */
export interface Wanted {
  readonly policy: HealthCheckPolicy;
  /** The Host to send. */
  readonly authority: string;
  /** The first check of each comes at a random moment within this; 0: after an interval, like all others. */
  readonly firstWithinMs: number;
  /** By key. */
  readonly endpoints: ReadonlyMap<string, Address>;
}

/** The checks of one cluster's endpoints by this proxy, as one of their callers. */
export class ActiveChecks {
  readonly #checker: HealthChecker;
  readonly #owner: CheckOwner;
  readonly #checks = new Map<string, HealthCheck>();
  #policy: HealthCheckPolicy | undefined = undefined;

  constructor(checker: HealthChecker, owner: CheckOwner) {
    this.#checker = checker;
    this.#owner = owner;
  }

  /** Failing its checks; one that is not checked is not. */
  isFailing(key: string): boolean {
    return this.#checks.get(key)?.health === "unhealthy";
  }

  of(key: string): HealthCheck | undefined {
    return this.#checks.get(key);
  }

  /** Checks that stay under the same policy keep what they know. */
  follow(wanted: Wanted | undefined): void {
    const keepsPolicy = wanted?.policy === this.#policy;
    this.#policy = wanted?.policy;
    for (const [key, check] of this.#checks) {
      if (keepsPolicy && wanted?.endpoints.has(key) === true) continue;
      check.cancel();
      this.#checks.delete(key);
    }
    if (wanted === undefined) return;
    for (const [key, address] of wanted.endpoints) {
      if (!this.#checks.has(key)) this.#checks.set(key, this.#begin(wanted, address));
    }
  }

  #begin({ policy, authority, firstWithinMs }: Wanted, address: Address): HealthCheck {
    const soonMs = this.#checker.random.unit() * Math.min(policy.intervalMs, firstWithinMs);
    const firstMs = firstWithinMs === 0 ? policy.intervalMs : soonMs;
    return this.#checker.begin({ address, authority, policy }, this.#owner, firstMs);
  }
}
