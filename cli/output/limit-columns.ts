import type { RateLimitJson } from "../../data-plane/admin/admin-json.ts";
import { rateLimitWords } from "./policy-words.ts";
import type { Column } from "./table.ts";

/** How the limits of a proxy stand. */
export const limitColumns: readonly Column<RateLimitJson>[] = [
  { header: "LIMIT", text: ({ policy }) => policy.name },
  { header: "SETTING", text: ({ policy }) => rateLimitWords(policy) },
  { header: "CLIENTS", align: "right", text: ({ keys }) => String(keys) },
  { header: "ALLOWED", align: "right", text: ({ allowed }) => String(allowed) },
  { header: "LIMITED", align: "right", text: ({ limited }) => String(limited) },
  { header: "COORDINATOR", text: ({ shared }) => coordinatorWords(shared) },
  { header: "HELD", align: "right", text: ({ shared }) => String(shared?.held ?? ""), isWide: true },
  { header: "OWED", align: "right", text: ({ shared }) => String(shared?.owed ?? ""), isWide: true },
  { header: "FAILURES", align: "right", text: ({ shared }) => String(shared?.failures ?? ""), isWide: true },
];

/** "" for a local limit, which has none. */
function coordinatorWords(shared: RateLimitJson["shared"]): string {
  if (shared === null) return "";
  return shared.coordinator === "gone" ? `gone, 1/${shared.proxies} of it here` : shared.coordinator;
}
