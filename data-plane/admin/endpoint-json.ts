import type { Endpoint } from "../../shared/model/cluster.ts";
import type { Findings } from "../upstream/endpoint-watch.ts";
import type { EndpointTally } from "../workers/tally.ts";
import type { EndpointJson, HealthFlag } from "./admin-json.ts";

/** One endpoint as `/clusters` tells it. The app beside the proxy stands in no snapshot: `configured` is undefined. */
export function endpointJson(
  key: string,
  configured: Endpoint | undefined,
  findings: Findings | undefined,
  tally: EndpointTally,
): EndpointJson {
  const { ejection, check, isStarting = false } = findings ?? {};
  return {
    address: key,
    version: configured?.version ?? "",
    health: configured?.health ?? "healthy",
    weight: configured?.weight ?? 1,
    priority: configured?.priority ?? 0,
    healthFlags: healthFlags(configured, findings),
    ejection: ejection ?? null,
    check: check === undefined ? null : { health: check.health, detail: check.detail },
    isStarting,
    ...tally,
  };
}

function healthFlags(configured: Endpoint | undefined, findings: Findings | undefined): readonly HealthFlag[] {
  const flags: HealthFlag[] = [];
  if (configured?.health === "unhealthy") flags.push("/failed_eds_health");
  if (configured?.health === "draining") flags.push("/eds_status_draining");
  if (findings?.check?.health === "unhealthy") flags.push("/failed_active_hc");
  if (findings?.ejection !== undefined) flags.push("/failed_outlier_check");
  return flags;
}
