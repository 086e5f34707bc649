import type { HealthCheckPolicy } from "../../shared/model/cluster-policy.ts";

export type Health = "unknown" | "healthy" | "unhealthy";

export interface HealthChange {
  readonly before: Health;
  readonly now: "healthy" | "unhealthy";
}

type Thresholds = Pick<HealthCheckPolicy, "unhealthyThreshold" | "healthyThreshold">;

/**
 * What health checks say of an endpoint (semantics.md 8; HAProxy `fall` and `rise`).
 *
 *     unknown ──(one passes)──▶ healthy ──(fall: so many fail in a row)──▶ unhealthy
 *        └──(so many fail in a row)──▶ unhealthy ──(rise: so many pass in a row)──▶ healthy
 *
 * An unknown endpoint is used: a check that has not come yet is no reason to refuse requests.
 */
export class HealthState {
  #health: Health = "unknown";
  /** Results in a row that speak against the present state. */
  #against = 0;

  get health(): Health {
    return this.#health;
  }

  /** What this check has changed, if it has. */
  onChecked(passed: boolean, policy: Thresholds): HealthChange | undefined {
    if (passed && this.#health === "unknown") return this.#become("healthy");
    if (passed !== (this.#health === "unhealthy")) {
      this.#against = 0;
      return undefined;
    }
    this.#against += 1;
    if (this.#against < (passed ? policy.healthyThreshold : policy.unhealthyThreshold)) return undefined;
    return this.#become(passed ? "healthy" : "unhealthy");
  }

  #become(now: "healthy" | "unhealthy"): HealthChange {
    const before = this.#health;
    this.#health = now;
    this.#against = 0;
    return { before, now };
  }
}
