import type { DecisionJson } from "../../data-plane/admin/admin-json.ts";
import { formatAge, formatDuration } from "./age.ts";
import type { Column } from "./table.ts";

/** The last requests of a proxy that were refused, failed or retried, for `heddle pc decisions`. */
export function decisionColumns(nowWallMs: number): readonly Column<DecisionJson>[] {
  return [
    { header: "AGE", align: "right", text: ({ startWallMs }) => formatAge(nowWallMs - startWallMs) },
    { header: "REQUEST", text: ({ request }) => `${request.method} ${request.authority}${request.path}` },
    { header: "STATUS", align: "right", text: ({ status }) => (status === 0 ? "-" : String(status)) },
    { header: "FLAG", text: ({ flag }) => flag },
    { header: "WHY", text: whyOf },
    { header: "TRIES", align: "right", text: ({ attempts }) => String(attempts) },
    { header: "RETRIED FOR", text: ({ retriedFor }) => retriedFor.join(" ") },
    { header: "TOOK", align: "right", text: ({ durationMs }) => formatDuration(durationMs), isWide: true },
    { header: "ENDPOINTS", text: ({ tried, endpoint }) => endpointsOf(tried, endpoint), isWide: true },
    { header: "REQUEST ID", text: ({ requestId }) => requestId, isWide: true },
    { header: "RULE", text: ({ rule }) => rule },
  ];
}

/** The cause of the answer; and what ended the retries, where that is another word. */
function whyOf({ detail, retryRefusal, fallback }: DecisionJson): string {
  const words = [detail, retryRefusal, fallback === "" ? "" : `fallback ${fallback}`];
  return [...new Set(words)].filter((word) => word !== "").join(", ");
}

function endpointsOf(tried: readonly string[], last: string): string {
  return [...tried, last].filter((endpoint) => endpoint !== "").join(" ");
}
