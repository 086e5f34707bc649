import type { Address } from "../../shared/address.ts";
import { CHECKS_FIRST_WITHIN_MS } from "../../shared/defaults.ts";
import type { Logger } from "../../shared/log.ts";
import type { HealthCheckPolicy } from "../../shared/model/cluster-policy.ts";
import type { HealthChange } from "../policy/health-state.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { CheckOwner, HealthCheck, HealthChecker } from "./health-checker.ts";

/** What is known of the app beside the proxy; `unknown`: nobody asks any more. */
export interface AppHealth {
  readonly health: "unknown" | "passing" | "failing";
  /** For people. */
  readonly detail: string;
}

export interface AppCheckOptions {
  readonly service: string;
  /** Where the app listens. */
  readonly app: Address;
  readonly checker: HealthChecker;
  readonly log: Pick<Logger, "info" | "warn">;
  /** Called at each change. */
  readonly report: (health: AppHealth) => void;
}

/**
 * Checks the app beside the proxy when the policy of their service says so. One check for each instance instead of one
 * for each of its callers (semantics.md 8); the control plane tells them. The inbound port serves on meanwhile: who still
 * comes has nowhere better to go.
 */
export class AppCheck implements CheckOwner {
  readonly #options: AppCheckOptions;
  #policy: HealthCheckPolicy | undefined = undefined;
  #check: HealthCheck | undefined = undefined;

  constructor(options: AppCheckOptions) {
    this.#options = options;
  }

  /** The policy is found where callers find it: in the cluster of the proxy's own service. */
  follow(runtime: Runtime): void {
    const { service, app, checker, report } = this.#options;
    const found = runtime.clusters.get(service)?.policies.healthCheck;
    const policy = found?.by === "callers" ? undefined : found;
    if (policy === this.#policy) return;
    const wasChecked = this.#check !== undefined;
    this.stop();
    this.#policy = policy;
    if (policy === undefined) {
      if (wasChecked) report({ health: "unknown", detail: "no policy asks for it" });
      return;
    }
    const firstMs = checker.random.unit() * Math.min(policy.intervalMs, CHECKS_FIRST_WITHIN_MS);
    this.#check = checker.begin({ address: app, authority: service, policy }, this, firstMs);
  }

  stop(): void {
    this.#check?.cancel();
    this.#check = undefined;
    this.#policy = undefined;
  }

  wantsProbe(): boolean {
    return true;
  }

  onChecked({ detail }: HealthCheck, _passed: boolean, change: HealthChange | undefined): void {
    if (change === undefined) return;
    const { log, report } = this.#options;
    if (change.now === "unhealthy") log.warn({ detail }, "the app fails its health checks");
    else log.info({ detail }, "the app passes its health checks");
    report({ health: change.now === "healthy" ? "passing" : "failing", detail });
  }
}
