import type { LoadShedder } from "../policy/load-shedder.ts";
import type { MetricFamily } from "./prometheus-text.ts";

/** What was refused for the proxy's own sake. */
export function overloadFamilies(shedder: LoadShedder): readonly MetricFamily[] {
  const { inFlight, waiting, severity, refusedFull, refusedLate, refusedCrowd } = shedder;
  return [
    {
      name: "heddle_overload_refused_total",
      help: "Requests refused with 503 OM: too many under way, a late event loop, or more at once than it can read in time.",
      type: "counter",
      samples: [
        { suffix: "", labels: [["reason", "full"]], value: refusedFull },
        { suffix: "", labels: [["reason", "late"]], value: refusedLate },
        { suffix: "", labels: [["reason", "crowd"]], value: refusedCrowd },
      ],
    },
    gauge("heddle_requests_in_flight", "Requests let in and not finished.", inFlight),
    gauge("heddle_requests_waiting", "Requests that wait for room while there are too many at once.", waiting),
    {
      ...gauge(
        "heddle_overload_severity",
        "0: nothing is refused for a late event loop; 1: nearly everything.",
        severity,
      ),
      combine: "largest",
    },
  ];
}

function gauge(name: string, help: string, value: number): MetricFamily {
  return { name, help, type: "gauge", samples: [{ suffix: "", labels: [], value }] };
}
