import type { RowChange } from "../store/store.ts";
import type { Fleet } from "../xds/fleet.ts";

/** How many connected proxies a change concerns: those of the sources its rows name, or all when a row names none. */
export function reachOf(changes: readonly RowChange[], fleet: Fleet): number {
  if (changes.length === 0) return 0;
  const sources = new Set(
    changes
      .flatMap(({ before, after }) => [before, after])
      .filter((row) => row !== undefined)
      .map(sourceOf),
  );
  if (sources.has(undefined)) return fleet.connectedCount();
  return fleet.proxies().filter((proxy) => proxy.connected && sources.has(proxy.service)).length;
}

function sourceOf(row: NonNullable<RowChange["after"]>): string | undefined {
  if (row.kind !== "TrafficSplit" && row.kind !== "Route") return undefined;
  return row.sourceService ?? undefined;
}
