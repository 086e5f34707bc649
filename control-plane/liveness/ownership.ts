import { AUTHOR_CHARS_MAX } from "../../shared/limits.ts";
import type { Store } from "../store/store.ts";
import type { ReportedHealth } from "./health-reports.ts";
import { registeredRows, type Wish } from "./registration.ts";

/** Changes that this folder makes carry such an author in the ledger: `proxy/NODE`, or `proxies` for several. */
const AUTHOR = /^(proxy\/|proxies$)/;
/** How far back the ledger is searched after a start. */
const REVISIONS_SEARCHED = 200;

/** Author and reason of the commit that grants `wishes` and keeps `reports`. */
export function madeByLiveness(
  wishes: ReadonlyMap<string, Wish>,
  reports: ReadonlyMap<string, ReportedHealth>,
): {
  readonly author: string;
  readonly reason: string;
} {
  const nodes = new Set([...wishes.keys(), ...reports.keys()]);
  const [only] = nodes;
  const author = nodes.size === 1 ? `proxy/${only}` : "proxies";
  const counts = new Map<string, number>();
  for (const { kind } of wishes.values()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  for (const health of reports.values()) {
    counts.set(`health ${health}`, (counts.get(`health ${health}`) ?? 0) + 1);
  }
  const reason = [...counts].map(([kind, count]) => `${count} ${words[kind] ?? kind}`).join(", ");
  return { author: author.slice(0, AUTHOR_CHARS_MAX), reason };
}

const words: Readonly<Record<string, string>> = {
  present: "connected",
  unhealthy: "lease ended or draining",
  gone: "left",
};

/**
 * The nodes whose unhealthy row was made so by this folder, in this process or one before it, and not by an operator. A
 * row whose last change is too old to be found counts as ours: better to use an endpoint whose proxy is back.
 */
export function unhealthyByUs(store: Store): Set<string> {
  const rows = registeredRows(store.catalog());
  const unhealthy = new Map([...rows].filter(([, mine]) => mine.some((row) => !row.healthy)));
  const ours = new Set(unhealthy.keys());
  if (ours.size === 0) return ours;
  const decided = new Set<string>();
  for (const summary of store.revisions(REVISIONS_SEARCHED, 0)) {
    for (const { before, after } of store.revision(summary.revision)?.changes ?? []) {
      const nodeId = after?.kind === "ServiceEndpoint" ? after.registeredBy : null;
      if (nodeId === null || decided.has(nodeId)) continue;
      // A report of its health does not say who took it out.
      const tookItOut = after?.kind === "ServiceEndpoint" && !after.healthy;
      if (!tookItOut || (before?.kind === "ServiceEndpoint" && !before.healthy)) continue;
      decided.add(nodeId);
      if (!AUTHOR.test(summary.author)) ours.delete(nodeId);
    }
    if (decided.size >= unhealthy.size) break;
  }
  return ours;
}
