import type { LoadShedder, Shedders } from "../policy/load-shedder.ts";
import type { Label, MetricFamily, Sample } from "./prometheus-text.ts";

/** What was refused, or waits, for the proxy's own sake. */
export function overloadFamilies(shedders: Shedders): readonly MetricFamily[] {
  const samples = (labels: readonly Label[], valueOf: (shedder: LoadShedder) => number): readonly Sample[] =>
    Object.entries(shedders).map(([direction, shedder]: [string, LoadShedder]) => ({
      suffix: "",
      labels: [["direction", direction], ...labels],
      value: valueOf(shedder),
    }));
  return [
    {
      name: "heddle_overload_refused_total",
      help: "Requests refused with 503 OM: too many under way, or more than the proxy has time for.",
      type: "counter",
      samples: [
        ...samples([["reason", "full"]], ({ refusedFull }) => refusedFull),
        ...samples([["reason", "crowd"]], ({ refusedCrowd }) => refusedCrowd),
      ],
    },
    gauge(
      "heddle_requests_in_flight",
      "Requests let in and not finished.",
      samples([], ({ inFlight }) => inFlight),
    ),
    gauge(
      "heddle_requests_waiting",
      "Requests that wait for room while there are more than the proxy has time for.",
      samples([], ({ waiting }) => waiting),
    ),
  ];
}

function gauge(name: string, help: string, samples: readonly Sample[]): MetricFamily {
  return { name, help, type: "gauge", samples };
}
