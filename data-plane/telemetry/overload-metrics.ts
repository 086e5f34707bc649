import type { LoadShedder } from "../policy/load-shedder.ts";
import type { MetricFamily } from "./prometheus-text.ts";

/** What was refused for the proxy's own sake. */
export function overloadFamilies(shedder: LoadShedder): readonly MetricFamily[] {
  const { inFlight, severity, refusedFull, refusedLate } = shedder;
  return [
    {
      name: "heddle_overload_refused_total",
      help: "Requests refused with 503 OM: too many under way, or a late event loop.",
      type: "counter",
      samples: [
        { suffix: "", labels: [["reason", "full"]], value: refusedFull },
        { suffix: "", labels: [["reason", "late"]], value: refusedLate },
      ],
    },
    gauge("heddle_requests_in_flight", "Requests let in and not finished.", inFlight),
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
