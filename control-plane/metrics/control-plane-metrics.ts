import { TIMED_PUBLICATIONS_MAX } from "../../shared/limits.ts";
import type { NodeKind } from "../../shared/model/node.ts";
import type { PushedType } from "../xds/resource-set.ts";
import { Histogram } from "./histogram.ts";

/** Upper bounds in seconds: pushes take milliseconds when all is well and seconds when it is not. */
const PUSH_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const BUILD_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];

/** A revision on its way: when it was committed, and who has not answered yet. */
interface Timed<T> {
  readonly revision: number;
  readonly committedMs: number;
  readonly behind: Set<T>;
}

/** What is true at the moment of a scrape. */
interface Now {
  readonly revision: number;
  readonly withheld: number;
  readonly connected: ReadonlyMap<NodeKind, number>;
  /** Of limits that proxies share. */
  readonly tokens: { readonly granted: number; readonly refused: number; readonly buckets: number };
}

/** What the control plane counts about itself. Labels come from closed sets, so the number of series is bounded. */
export class ControlPlaneMetrics<T> {
  readonly #nacks = new Map<PushedType, number>();
  readonly #push = new Histogram(PUSH_SECONDS);
  readonly #build = new Histogram(BUILD_SECONDS);
  #timed: Timed<T>[] = [];
  #commits = 0;
  #cuts = 0;

  onCommit(): void {
    this.#commits += 1;
  }

  onNack(type: PushedType): void {
    this.#nacks.set(type, (this.#nacks.get(type) ?? 0) + 1);
  }

  onCut(): void {
    this.#cuts += 1;
  }

  /**
   * A revision is offered to `streams`: the clock runs until each has answered it, one way or the other. What no commit
   * caused is a revision that they have answered before, and is not timed.
   */
  onPublished(
    publication: { revision: number; committedMs: number | undefined; buildMs: number },
    streams: Iterable<T>,
  ): void {
    this.#build.observe(publication.buildMs / 1000);
    const { revision, committedMs } = publication;
    if (committedMs === undefined) return;
    const behind = new Set(streams);
    if (behind.size === 0) return;
    this.#timed = [...this.#timed.slice(1 - TIMED_PUBLICATIONS_MAX), { revision, committedMs, behind }];
  }

  /** A stream has answered everything up to `revision`. */
  onAnswered(stream: T, revision: number, nowMs: number): void {
    if (this.#timed.length === 0) return;
    for (const timed of this.#timed) if (revision >= timed.revision) this.#leave(timed, stream, nowMs);
    this.#timed = this.#timed.filter(({ behind }) => behind.size > 0);
  }

  onDisconnected(stream: T): void {
    for (const { behind } of this.#timed) behind.delete(stream);
    this.#timed = this.#timed.filter(({ behind }) => behind.size > 0);
  }

  #leave({ behind, committedMs }: Timed<T>, stream: T, nowMs: number): void {
    if (behind.delete(stream) && behind.size === 0) this.#push.observe((nowMs - committedMs) / 1000);
  }

  /** In Prometheus' text format. */
  text(now: Now): string {
    const connected = [...now.connected].map(([kind, count]) => `heddle_connected_proxies{kind="${kind}"} ${count}`);
    const nacks = [...this.#nacks].map(([type, count]) => `heddle_nacks_total{type="${type}"} ${count}`);
    return [
      ...family("heddle_connected_proxies", "gauge", "Streams of proxies that are open now.", connected),
      ...family("heddle_revision", "gauge", "Newest published revision.", [`heddle_revision ${now.revision}`]),
      ...family("heddle_withheld_snapshots", "gauge", "Classes of nodes whose newest snapshot contradicts itself.", [
        `heddle_withheld_snapshots ${now.withheld}`,
      ]),
      ...family("heddle_commits_total", "counter", "Revisions committed by this process.", [
        `heddle_commits_total ${this.#commits}`,
      ]),
      ...family("heddle_nacks_total", "counter", "Responses that a proxy refused.", nacks),
      ...family("heddle_streams_cut_total", "counter", "Streams ended by the server.", [
        `heddle_streams_cut_total ${this.#cuts}`,
      ]),
      ...tokenFamilies(now.tokens),
      ...family(
        "heddle_push_seconds",
        "histogram",
        "From the commit to the last answer of a connected proxy.",
        this.#push.lines("heddle_push_seconds"),
      ),
      ...family(
        "heddle_build_seconds",
        "histogram",
        "Building, checking and encoding all snapshots of a revision.",
        this.#build.lines("heddle_build_seconds"),
      ),
      "",
    ].join("\n");
  }
}

function tokenFamilies({ granted, refused, buckets }: Now["tokens"]): readonly string[] {
  return [
    ...family("heddle_rate_limit_tokens_granted_total", "counter", "Tokens of shared limits that were granted.", [
      `heddle_rate_limit_tokens_granted_total ${granted}`,
    ]),
    ...family("heddle_rate_limit_tokens_refused_total", "counter", "Tokens that were asked for and not there.", [
      `heddle_rate_limit_tokens_refused_total ${refused}`,
    ]),
    ...family("heddle_rate_limit_buckets", "gauge", "Clients of shared limits with a bucket of their own.", [
      `heddle_rate_limit_buckets ${buckets}`,
    ]),
  ];
}

function family(name: string, type: string, help: string, lines: readonly string[]): readonly string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines];
}
