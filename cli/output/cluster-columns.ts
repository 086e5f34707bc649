import type { ClusterJson, LimitJson } from "../../data-plane/admin/admin-json.ts";
import type { Column } from "./table.ts";

/** How the policies of a cluster stand, for `heddle pc clusters`: "" where there is none. */
export const clusterStateColumns: readonly Column<ClusterJson>[] = [
  { header: "BREAKER", text: ({ policies }) => breakerWords(policies?.breaker ?? null) },
  { header: "RETRIES LEFT", align: "right", text: ({ policies }) => text(policies?.retryBudget?.balance) },
  { header: "REQUESTS", align: "right", text: ({ policies }) => limitWords(policies?.limits.requests) },
  {
    header: "CONNECTIONS",
    align: "right",
    text: ({ policies }) => limitWords(policies?.limits.connections),
    isWide: true,
  },
  { header: "REFUSED", align: "right", text: ({ policies }) => text(policies?.breaker?.refused), isWide: true },
];

type Policies = NonNullable<ClusterJson["policies"]>;

/** `closed`, `closed 3/20` with what failed in its window, `open 12s` until the next probe. */
function breakerWords(breaker: Policies["breaker"]): string {
  if (breaker === null) return "";
  const { state, failures, results, probeInMs } = breaker;
  if (state === "open") return `open ${Math.ceil(probeInMs / 1_000)}s`;
  return failures === 0 ? state : `${state} ${failures}/${results}`;
}

function limitWords(limit: LimitJson | undefined): string {
  return limit === undefined || limit.max === null ? "" : `${limit.active}/${limit.max}`;
}

function text(value: number | undefined): string {
  return value === undefined ? "" : String(value);
}
