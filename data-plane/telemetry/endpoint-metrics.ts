import { METRIC_SERIES_MAX } from "../../shared/limits.ts";
import { LOCAL_APP_CLUSTER } from "../../shared/model/cluster.ts";
import type { EndpointWatch } from "../upstream/endpoint-watch.ts";
import type { Label, MetricFamily, Sample } from "./prometheus-text.ts";

/**
 * What is known of the endpoints of each cluster, and what came of it. Workers follow each other; while they differ, the
 * strictest is told. At most METRIC_SERIES_MAX endpoints are named.
 */
export function endpointFamilies(watches: Iterable<EndpointWatch>): readonly MetricFamily[] {
  // The app beside the proxy has no other endpoints to compare it with, and no service of its own.
  const all = [...watches].filter(({ cluster }) => cluster.name !== LOCAL_APP_CLUSTER);
  const judged = all.filter(({ cluster }) => cluster.policies.outlier !== undefined);
  const slow = all.filter(({ cluster }) => cluster.policies.slowStart !== undefined);
  return [
    {
      name: "heddle_outlier_ejections_total",
      help: "Endpoints that were ejected for their results.",
      type: "counter",
      samples: judged.flatMap(({ cluster, ejections }) =>
        [...ejections].map(([reason, value]) =>
          sample(
            [
              ["cluster", cluster.name],
              ["reason", reason],
            ],
            value,
          ),
        ),
      ),
    },
    {
      name: "heddle_outlier_ejections_active",
      help: "Endpoints that are ejected now.",
      type: "gauge",
      combine: "largest",
      samples: judged.map(({ cluster, ejectedCount }) => sample([["cluster", cluster.name]], ejectedCount)),
    },
    {
      name: "heddle_endpoint_health",
      help: "1 while an endpoint may be picked, but for panic.",
      type: "gauge",
      combine: "least",
      samples: healthSamples(all),
    },
    {
      name: "heddle_lb_panic",
      help: "1 while so few endpoints of a service are usable that all are used.",
      type: "gauge",
      combine: "largest",
      samples: panicSamples(all),
    },
    {
      name: "heddle_slow_start_endpoints",
      help: "Endpoints that have not got their whole share yet.",
      type: "gauge",
      combine: "largest",
      samples: slow.map(({ cluster, startingCount }) => sample([["cluster", cluster.name]], startingCount)),
    },
  ];
}

/** Of endpoints that were used, or that may not be. */
function healthSamples(watches: readonly EndpointWatch[]): readonly Sample[] {
  const samples: Sample[] = [];
  for (const watch of watches) {
    for (const { state, health } of watch.cluster.choice.members) {
      const isUsable = health === "healthy" && !watch.isOut(state.key);
      if (samples.length >= METRIC_SERIES_MAX || (isUsable && state.requests === 0)) continue;
      samples.push(
        sample(
          [
            ["cluster", watch.cluster.name],
            ["endpoint", state.key],
          ],
          isUsable ? 1 : 0,
        ),
      );
    }
  }
  return samples;
}

/** A service is in panic when one of its clusters is. */
function panicSamples(watches: readonly EndpointWatch[]): readonly Sample[] {
  const services = Map.groupBy(watches, ({ cluster }) => cluster.service);
  return [...services].map(([service, own]) =>
    sample([["service", service]], own.some(({ cluster }) => cluster.choice.isInPanic) ? 1 : 0),
  );
}

function sample(labels: readonly Label[], value: number): Sample {
  return { suffix: "", labels, value };
}
