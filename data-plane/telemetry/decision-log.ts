import { DECISIONS_KEPT_MAX } from "../../shared/limits.ts";
import type { DecisionJson } from "../admin/admin-json.ts";
import type { RequestRecord, RequestSink } from "./request-record.ts";

/**
 * What was decided for the last requests that did not simply succeed: those that were refused, failed, retried, or would
 * have been. For `/decisions` of the admin port: why a request went where it went, after the fact (semantics.md 20, 2).
 *
 * The rest passes by at the cost of a few comparisons. Beyond DECISIONS_KEPT_MAX the oldest is forgotten.
 */
export class DecisionLog implements RequestSink {
  readonly #max: number;
  readonly #decisions: DecisionJson[] = [];
  /** Where the next one goes once all places are taken: that of the oldest. */
  #next = 0;

  constructor(max = DECISIONS_KEPT_MAX) {
    this.#max = max;
  }

  // Hot: once per request.
  onFinished(record: RequestRecord): void {
    const { flag, attempts, retryRefusal, fallback } = record;
    if (flag === "" && attempts <= 1 && retryRefusal === "" && fallback === "") return;
    this.#decisions[this.#next] = decisionOf(record);
    this.#next = (this.#next + 1) % this.#max;
  }

  /** The newest first. */
  decisions(): readonly DecisionJson[] {
    return [...this.#decisions.slice(this.#next), ...this.#decisions.slice(0, this.#next)].toReversed();
  }
}

/** Of several workers: the newest of all, no more than one would keep. */
export function newestDecisions(lists: readonly (readonly DecisionJson[])[]): readonly DecisionJson[] {
  return lists
    .flat()
    .toSorted((one, other) => other.startWallMs - one.startWallMs)
    .slice(0, DECISIONS_KEPT_MAX);
}

function decisionOf(record: RequestRecord): DecisionJson {
  const { direction, listener, source, destination, version, method, authority, path } = record;
  const { requestId, traceId, status, flag, detail, attempts, fallback, endpoint } = record;
  return {
    startWallMs: Math.floor(record.startWallMs),
    durationMs: Math.round(record.durationMs),
    requestId,
    traceId,
    request: { direction, listener, source, method, authority, path },
    rule: record.routeName,
    cluster: record.clusterName,
    destination,
    version,
    endpoint,
    attempts,
    tried: record.tried.map(({ key }) => key),
    retriedFor: record.retriedFor === "" ? [] : record.retriedFor.split(","),
    retryRefusal: record.retryRefusal,
    fallback,
    status,
    flag,
    detail,
    revision: record.configRevision,
  };
}
