import type { ConfigStateJson } from "../admin/admin-json.ts";
import { METRIC_SERIES_MAX } from "../../shared/limits.ts";
import type { OpenListener } from "../listener/listener-set.ts";
import type { EndpointState } from "../runtime/endpoint-state.ts";
import type { LoopDelay, ProcessState, ThreadMemory } from "./process-probe.ts";
import { single, type MetricFamily, type Sample } from "./prometheus-text.ts";

/** What the metrics of a proxy's traffic are read from, in each of its workers, at the moment of a scrape. */
export interface TrafficState {
  readonly listeners: readonly OpenListener[];
  readonly endpoints: Iterable<EndpointState>;
  readonly logLinesDropped: number;
  /** Armed deadlines of requests and connections. */
  readonly deadlines: number;
  readonly memory: ThreadMemory;
}

/** And those that there is one truth of, however many workers. */
export interface ConfigState {
  readonly config: ConfigStateJson;
  readonly swaps: number;
  readonly refusals: ReadonlyMap<string, number>;
  readonly snapshotWrites: { readonly saved: number; readonly failed: number };
}

/** Listeners and pools: what several workers' samples add up to holds for all of them. */
export function trafficFamilies(state: TrafficState): readonly MetricFamily[] {
  const { heapUsedBytes, externalBytes } = state.memory;
  return [
    ...listenerFamilies(state.listeners),
    ...poolFamilies(state.endpoints),
    single("counter", "heddle_access_log_dropped_total", "Lines nobody took.", state.logLinesDropped),
    single("gauge", "heddle_deadlines", "Armed deadlines of requests and connections.", state.deadlines),
    single("gauge", "heddle_heap_used_bytes", "Objects, what waits to be collected among them.", heapUsedBytes),
    single("gauge", "heddle_external_memory_bytes", "Buffers and what else objects hold outside of it.", externalBytes),
  ];
}

export function configFamilies({ config, swaps, refusals, snapshotWrites }: ConfigState): readonly MetricFamily[] {
  const sources = ["none", "disk", "stream"] as const;
  return [
    single("gauge", "heddle_config_revision", "Newest revision in use.", config.revision),
    single(
      "gauge",
      "heddle_config_age_seconds",
      "Since a control plane last confirmed the configuration.",
      config.ageMs / 1_000,
    ),
    single(
      "gauge",
      "heddle_control_plane_connected",
      "1 while the stream is open and answered.",
      config.connected ? 1 : 0,
    ),
    single("counter", "heddle_config_swaps_total", "Times a new configuration came into use.", swaps),
    {
      name: "heddle_nacks_total",
      help: "Responses of the control plane that were refused.",
      type: "counter",
      samples: [...refusals].map(([type, value]) => ({ suffix: "", labels: [["type", type]], value })),
    },
    {
      name: "heddle_config_source",
      help: "1 for where the configuration in use came from.",
      type: "gauge",
      samples: sources.map((source) => ({
        suffix: "",
        labels: [["source", source]],
        value: config.source === source ? 1 : 0,
      })),
    },
    single("counter", "heddle_snapshots_saved_total", "Snapshots written to disk.", snapshotWrites.saved),
    single("counter", "heddle_snapshot_failures_total", "Snapshots that could not be written.", snapshotWrites.failed),
  ];
}

function listenerFamilies(listeners: readonly OpenListener[]): readonly MetricFamily[] {
  const samples = (value: (listener: OpenListener) => number): readonly Sample[] =>
    listeners.map((listener) => ({ suffix: "", labels: [["listener", listener.name]], value: value(listener) }));
  return [
    {
      name: "heddle_downstream_connections",
      help: "Open connections of callers.",
      type: "gauge",
      samples: samples(({ http }) => http.connections),
    },
    {
      name: "heddle_downstream_requests_active",
      help: "Requests on their way.",
      type: "gauge",
      samples: samples(({ http }) => http.inFlight),
    },
    {
      name: "heddle_downstream_tunnels",
      help: "Requests that have become tunnels (WebSocket, CONNECT), of those on their way.",
      type: "gauge",
      samples: samples(({ http }) => http.tunnels),
    },
    {
      name: "heddle_downstream_connections_refused_total",
      help: "Connections refused because too many were open: in all, of one client, or for the process.",
      type: "counter",
      samples: listeners.flatMap(({ name, http }) =>
        Object.entries(http.refusals).map(([limit, value]) => ({
          suffix: "",
          labels: [
            ["listener", name],
            ["limit", limit],
          ],
          value,
        })),
      ),
    },
    {
      name: "heddle_downstream_connections_exhausted_total",
      help: "Connections that carried as many requests as one may.",
      type: "counter",
      samples: samples(({ http }) => http.exhausted),
    },
    {
      name: "heddle_downstream_connections_idle_closed_total",
      help: "Connections closed because no further request came in time.",
      type: "counter",
      samples: samples(({ http }) => http.idled),
    },
  ];
}

/** Endpoints that were used: those without a pool have nothing to tell. */
function poolFamilies(endpoints: Iterable<EndpointState>): readonly MetricFamily[] {
  const used: EndpointState[] = [];
  for (const endpoint of endpoints) {
    if (endpoint.pool !== undefined && used.length < METRIC_SERIES_MAX) used.push(endpoint);
  }
  const family = (
    type: "gauge" | "counter",
    name: string,
    help: string,
    value: (endpoint: EndpointState) => number,
  ): MetricFamily => ({
    name,
    help,
    type,
    samples: used.map((endpoint) => ({ suffix: "", labels: [["endpoint", endpoint.key]], value: value(endpoint) })),
  });
  return [
    family("gauge", "heddle_upstream_connections", "Open connections to an endpoint.", ({ pool }) => pool?.open ?? 0),
    family("gauge", "heddle_upstream_connections_idle", "Of these, unused ones.", ({ pool }) => pool?.idle ?? 0),
    family("gauge", "heddle_upstream_requests_waiting", "Requests in line.", ({ pool }) => pool?.waiting ?? 0),
    family("gauge", "heddle_upstream_requests_active", "Requests sent, not finished.", ({ active }) => active),
    family("counter", "heddle_upstream_requests_total", "Requests sent.", ({ requests }) => requests),
    family("counter", "heddle_upstream_failures_total", "Requests that failed.", ({ failures }) => failures),
    family(
      "counter",
      "heddle_upstream_connect_failures_total",
      "Connections that could not be made.",
      ({ connectFailures }) => connectFailures,
    ),
  ];
}

/** The loops are told apart by a label when there are several. */
export function processFamilies(
  process: ProcessState,
  workers: readonly { readonly worker: number; readonly loop: LoopDelay }[],
): readonly MetricFamily[] {
  const delay = (name: string, help: string, value: (loop: LoopDelay) => number): MetricFamily => ({
    name,
    help,
    type: "gauge",
    samples: workers.map(({ worker, loop }) => ({
      suffix: "",
      labels: workers.length === 1 ? [] : [["worker", String(worker)]],
      value: value(loop),
    })),
  });
  return [
    delay(
      "heddle_event_loop_delay_seconds",
      "Mean lateness of timers since the last scrape.",
      ({ meanMs }) => meanMs / 1_000,
    ),
    delay(
      "heddle_event_loop_delay_max_seconds",
      "Largest lateness since the last scrape.",
      ({ maxMs }) => maxMs / 1_000,
    ),
    single("gauge", "process_resident_memory_bytes", "Resident memory.", process.residentBytes),
    single("gauge", "process_open_fds", "Open descriptors; 0 where the system does not tell.", process.openFiles),
    single("counter", "process_cpu_seconds_total", "User and system CPU time.", process.cpuSeconds),
    single("gauge", "process_start_time_seconds", "Start of the process, Unix time.", process.startedWallMs / 1_000),
  ];
}
