import { METRIC_SERIES_MAX } from "../../shared/limits.ts";
import { Histogram } from "./histogram.ts";
import type { Label, MetricFamily, Sample } from "./prometheus-text.ts";
import type { RequestRecord, RequestSink } from "./request-record.ts";

/** Stands for every label value beyond the bound. */
const OTHER = "other";

/** Requests with the same version, flag and code. */
class Count {
  value = 0;
}

/** All requests of one direction from one source to one destination. */
class Edge {
  readonly labels: readonly Label[];
  /** Its keys of `counts` are classes of codes: 5 for 5xx. */
  readonly isOther: boolean;
  readonly durations = new Histogram();
  bytesReceived = 0;
  bytesSent = 0;
  retries = 0;
  readonly fallbacks = { cached: 0, static: 0, service: 0 };
  /** version -> flag -> status -> count. */
  readonly counts = new Map<string, Map<string, Map<number, Count>>>();

  constructor(labels: readonly Label[], isOther: boolean) {
    this.labels = labels;
    this.isOther = isOther;
  }
}

/** Where the requests of one combination of labels are counted. */
class Known {
  readonly edge: Edge;
  readonly count: Count;
  readonly #direction: string;
  readonly #source: string;
  readonly #destination: string;
  readonly #version: string;
  readonly #flag: string;
  readonly #status: number;

  constructor(record: RequestRecord, edge: Edge, count: Count) {
    this.edge = edge;
    this.count = count;
    this.#direction = record.direction;
    this.#source = record.source;
    this.#destination = record.destination;
    this.#version = record.version;
    this.#flag = record.flag;
    this.#status = record.status;
  }

  isOf(record: RequestRecord): boolean {
    if (record.status !== this.#status || record.flag !== this.#flag || record.version !== this.#version) return false;
    if (record.direction !== this.#direction) return false;
    return record.destination === this.#destination && record.source === this.#source;
  }
}

/**
 * What a proxy counts of its requests. At most `seriesMax` combinations of source, destination, version, code and flag
 * have a series of their own; what comes later is counted under the names "other" and the class of its code (`5xx`), so
 * that neither a scan of made-up hosts nor an upstream with odd codes can fill the memory.
 *
 * Hot: `onFinished` runs once per request and builds no strings; a known combination costs six look-ups, and none when it
 * is that of the request before.
 */
export class RequestMetrics implements RequestSink {
  readonly #seriesMax: number;
  /** direction -> source -> destination. */
  readonly #edges = new Map<string, Map<string, Map<string, Edge>>>();
  /** direction, for what is beyond the bound; at most one per direction. */
  readonly #others = new Map<string, Edge>();
  /** By detail: a fixed set of words, none of them from the outside. */
  readonly #details = new Map<string, number>();
  #series = 0;
  /** The combination of the request before; nothing of it changes. */
  #last: Known | undefined = undefined;

  constructor(seriesMax = METRIC_SERIES_MAX) {
    this.#seriesMax = seriesMax;
  }

  onFinished(record: RequestRecord): void {
    const { detail } = record;
    if (detail !== "") this.#details.set(detail, (this.#details.get(detail) ?? 0) + 1);
    let known = this.#last;
    if (known === undefined || !known.isOf(record)) {
      known = this.#find(record);
      if (known === undefined) return this.#onNew(record);
      this.#last = known;
    }
    known.count.value += 1;
    observe(known.edge, record);
  }

  /** For the exposition. */
  families(): readonly MetricFamily[] {
    const edges = [...this.#allEdges()];
    const sum = (name: string, help: string, value: (edge: Edge) => number): MetricFamily => ({
      name,
      help,
      type: "counter",
      samples: edges.map((edge) => ({ suffix: "", labels: edge.labels, value: value(edge) })),
    });
    return [
      {
        name: "heddle_requests_total",
        help: "Finished requests. Code 0: the client went away before an answer.",
        type: "counter",
        samples: edges.flatMap(countSamples),
      },
      {
        name: "heddle_request_duration_milliseconds",
        help: "From the first byte of the request to the last byte of the response.",
        type: "histogram",
        samples: edges.flatMap((edge) => edge.durations.samples(edge.labels)),
      },
      sum("heddle_request_bytes_total", "Bytes of request bodies.", (edge) => edge.bytesReceived),
      sum("heddle_response_bytes_total", "Bytes of response bodies.", (edge) => edge.bytesSent),
      {
        name: "heddle_request_details_total",
        help: "Requests that the proxy answered, refused or cut by itself, by the detail of the access log.",
        type: "counter",
        samples: [...this.#details].map(([detail, value]) => ({ suffix: "", labels: [["detail", detail]], value })),
      },
      sum("heddle_retries_total", "Attempts after the first.", (edge) => edge.retries),
      {
        name: "heddle_fallbacks_total",
        help: "Requests that something else answered in place of the service.",
        type: "counter",
        samples: edges.flatMap(fallbackSamples),
      },
    ];
  }

  #find(record: RequestRecord): Known | undefined {
    const edge = this.#edges.get(record.direction)?.get(record.source)?.get(record.destination);
    const count = edge?.counts.get(record.version)?.get(record.flag)?.get(record.status);
    return edge === undefined || count === undefined ? undefined : new Known(record, edge, count);
  }

  #onNew(record: RequestRecord): void {
    const isOther = this.#series >= this.#seriesMax;
    const edge = isOther ? this.#other(record.direction) : this.#edge(record);
    const byFlag = inner(edge.counts, isOther ? OTHER : record.version, () => new Map<string, Map<number, Count>>());
    const statuses = inner(byFlag, record.flag, () => new Map<number, Count>());
    const key = isOther ? Math.floor(record.status / 100) : record.status;
    if (!isOther) this.#series += 1;
    inner(statuses, key, () => new Count()).value += 1;
    observe(edge, record);
  }

  #edge({ direction, source, destination }: RequestRecord): Edge {
    const bySource = inner(this.#edges, direction, () => new Map<string, Map<string, Edge>>());
    const byDestination = inner(bySource, source, () => new Map<string, Edge>());
    return inner(byDestination, destination, () => new Edge(edgeLabels(direction, source, destination), false));
  }

  #other(direction: string): Edge {
    return inner(this.#others, direction, () => new Edge(edgeLabels(direction, OTHER, OTHER), true));
  }

  *#allEdges(): Generator<Edge> {
    for (const bySource of this.#edges.values()) {
      for (const byDestination of bySource.values()) yield* byDestination.values();
    }
    yield* this.#others.values();
  }
}

function observe(edge: Edge, record: RequestRecord): void {
  // How long a tunnel stands is no latency; how long it took to stand is.
  const isTunnel = record.status === 101 || (record.method === "CONNECT" && record.status === 200);
  edge.durations.observe(isTunnel ? record.upstreamMs : record.durationMs);
  edge.bytesReceived += record.bytesReceived;
  edge.bytesSent += record.bytesSent;
  if (record.attempts > 1) edge.retries += record.attempts - 1;
  if (record.fallback !== "") edge.fallbacks[record.fallback] += 1;
}

function fallbackSamples({ labels, fallbacks }: Edge): readonly Sample[] {
  return Object.entries(fallbacks)
    .filter(([, value]) => value > 0)
    .map(([kind, value]) => ({ suffix: "", labels: [...labels, ["kind", kind]], value }));
}

function countSamples(edge: Edge): readonly Sample[] {
  const samples: Sample[] = [];
  for (const [version, byFlag] of edge.counts) {
    for (const [flag, statuses] of byFlag) {
      for (const [status, { value }] of statuses) {
        const code = edge.isOther ? `${status}xx` : String(status);
        const labels: readonly Label[] = [...edge.labels, ["version", version], ["code", code], ["flag", flag]];
        samples.push({ suffix: "", labels, value });
      }
    }
  }
  return samples;
}

function edgeLabels(direction: string, source: string, destination: string): readonly Label[] {
  return [
    ["direction", direction],
    ["source", source],
    ["destination", destination],
  ];
}

function inner<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
