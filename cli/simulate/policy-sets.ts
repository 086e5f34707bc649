import { DEFAULT_POLICY } from "../../control-plane/catalog/default-policy.ts";
import { clusterPolicies } from "../../control-plane/snapshot/cluster-policies.ts";
import { forwardOf } from "../../control-plane/snapshot/forwarding.ts";
import { NO_POLICIES, type ClusterPolicies } from "../../shared/model/cluster-policy.ts";
import type { CallRules } from "./sim-caller.ts";

/** Policies that are on together; every service of a scenario gets them. */
export interface PolicySet {
  readonly name: string;
  readonly rules: CallRules;
  readonly policies: ClusterPolicies;
}

/** What the control plane makes of a service without a row. */
const DEFAULTS = clusterPolicies(DEFAULT_POLICY);
const { retry: RETRY, timeoutMs: TIMEOUT_MS } = forwardOf(DEFAULT_POLICY);

/** Longer than all retries of five hops. */
const PATIENT_MS = 120_000;

interface Switches {
  readonly retries?: boolean;
  readonly knowsHops?: boolean;
  readonly budget?: boolean;
  readonly breaker?: boolean;
  readonly outlier?: boolean;
  /** Nobody waits for ever, but nobody gives up while retries go on either. */
  readonly isPatient?: boolean;
  /** Requests at once to one service from one proxy. */
  readonly requestsMax?: number;
}

export function policySet(name: string, on: Switches): PolicySet {
  return {
    name,
    rules: {
      timeoutMs: on.isPatient === true ? PATIENT_MS : (TIMEOUT_MS ?? Infinity),
      retry: on.retries === true ? RETRY : undefined,
      knowsHops: on.knowsHops ?? false,
    },
    policies: {
      ...NO_POLICIES,
      retryBudget: on.budget === true ? DEFAULTS.retryBudget : undefined,
      breaker: on.breaker === true ? DEFAULTS.breaker : undefined,
      outlier: on.outlier === true ? DEFAULTS.outlier : undefined,
      limits: { ...NO_POLICIES.limits, requests: on.requestsMax },
    },
  };
}
