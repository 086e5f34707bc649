import { METRIC_SERIES_MAX } from "../../shared/limits.ts";
import type { AdaptivePolicy } from "../../shared/model/cluster-policy.ts";
import type { AdaptiveLimit } from "../policy/adaptive-limit.ts";
import type { BreakerState } from "../policy/circuit-breaker.ts";
import type { ClusterState, ServiceState } from "../runtime/cluster-state.ts";
import type { ClusterRuntime, Runtime } from "../runtime/runtime.ts";
import type { MetricFamily, Sample } from "./prometheus-text.ts";

const STATES: { readonly [state in BreakerState]: number } = { closed: 0, "half-open": 1, open: 2 };

/** Breakers, budgets, limits and mirrors of the services and clusters that have them. */
export function resilienceFamilies(runtime: Runtime, nowMs: number): readonly MetricFamily[] {
  const clusters = [...runtime.clusters.values()].slice(0, METRIC_SERIES_MAX);
  // All version subsets of a service have its policies.
  const services = [...new Map(clusters.map((cluster) => [cluster.service, cluster])).values()];
  return [
    ...breakerFamilies(services.filter(({ policies }) => policies.breaker !== undefined)),
    ...retryFamilies(services, nowMs),
    ...adaptiveFamilies(services),
    ...limitFamilies(clusters.filter(isLimited).map(({ state }) => state)),
    mirrorFamily(clusters.map(({ state }) => state)),
  ];
}

function breakerFamilies(clusters: readonly ClusterRuntime[]): readonly MetricFamily[] {
  const samples = (value: (service: ServiceState) => number): readonly Sample[] =>
    clusters.map(({ state: { service } }) => sample([["service", service.service]], value(service)));
  return [
    {
      name: "heddle_circuit_breaker_state",
      help: "0 closed, 1 half-open, 2 open.",
      type: "gauge",
      combine: "largest",
      samples: samples(({ breaker }) => STATES[breaker.state]),
    },
    {
      name: "heddle_circuit_breaker_opens_total",
      help: "Times a breaker opened, failed probes included.",
      type: "counter",
      samples: samples(({ breaker }) => breaker.opens),
    },
    {
      name: "heddle_circuit_breaker_refused_total",
      help: "Attempts that an open breaker refused.",
      type: "counter",
      samples: samples(({ breaker }) => breaker.refusals),
    },
  ];
}

function retryFamilies(clusters: readonly ClusterRuntime[], nowMs: number): readonly MetricFamily[] {
  return [
    {
      name: "heddle_retry_budget_balance",
      help: "Retries that may be made now.",
      type: "gauge",
      combine: "least",
      samples: clusters.flatMap(({ policies, state: { service } }) =>
        policies.retryBudget === undefined
          ? []
          : sample([["service", service.service]], service.retryBudget.balance(policies.retryBudget, nowMs)),
      ),
    },
    {
      name: "heddle_retries_refused_total",
      help: "Retries that would have been right and were not made.",
      type: "counter",
      samples: clusters.flatMap(({ state: { service } }) =>
        [...service.retryRefusals.entries()].map(([reason, count]) =>
          sample(
            [
              ["service", service.service],
              ["reason", reason],
            ],
            count,
          ),
        ),
      ),
    },
  ];
}

function adaptiveFamilies(clusters: readonly ClusterRuntime[]): readonly MetricFamily[] {
  const samples = (value: (limit: AdaptiveLimit, policy: AdaptivePolicy) => number): readonly Sample[] =>
    clusters.flatMap(({ policies: { adaptive }, state: { service } }) =>
      adaptive === undefined ? [] : sample([["service", service.service]], value(service.adaptive, adaptive)),
    );
  return [
    {
      name: "heddle_adaptive_limit",
      help: "Requests at once that the latency of the service allows.",
      type: "gauge",
      samples: samples((limit, policy) => limit.limit(policy)),
    },
    {
      name: "heddle_adaptive_refused_total",
      help: "Attempts beyond that.",
      type: "counter",
      samples: samples(({ refusals }) => refusals),
    },
  ];
}

function isLimited({ policies: { limits } }: ClusterRuntime): boolean {
  const { connections, pending, requests, retries } = limits;
  return [connections, pending, requests, retries].some((max) => max !== undefined);
}

function limitFamilies(states: readonly ClusterState[]): readonly MetricFamily[] {
  const samples = (key: "active" | "overflows"): readonly Sample[] =>
    states.flatMap((state) =>
      (["connections", "pending", "requests", "retries"] as const).map((limit) =>
        sample(
          [
            ["cluster", state.name],
            ["limit", limit],
          ],
          state[limit][key],
        ),
      ),
    );
  return [
    {
      name: "heddle_concurrency_active",
      help: "What is under way of that for which a cluster has limits.",
      type: "gauge",
      samples: samples("active"),
    },
    {
      name: "heddle_concurrency_overflows_total",
      help: "Times a limit of a cluster left no room.",
      type: "counter",
      samples: samples("overflows"),
    },
  ];
}

/** Of clusters that copies were meant for. */
function mirrorFamily(states: readonly ClusterState[]): MetricFamily {
  return {
    name: "heddle_mirrored_total",
    help: "Copies of requests: answered, failed, or dropped because there was no endpoint or too many were under way.",
    type: "counter",
    samples: states.flatMap(({ name, mirrors }) =>
      mirrors.answered + mirrors.failed + mirrors.dropped === 0
        ? []
        : (["answered", "failed", "dropped"] as const).map((result) =>
            sample(
              [
                ["cluster", name],
                ["result", result],
              ],
              mirrors[result],
            ),
          ),
    ),
  };
}

function sample(labels: Sample["labels"], value: number): Sample {
  return { suffix: "", labels, value };
}
