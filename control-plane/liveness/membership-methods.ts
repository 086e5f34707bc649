import { status } from "@grpc/grpc-js";

import { DRAIN_WAIT_MS } from "../../shared/defaults.ts";
import { DRAIN_WAIT_MS_MAX, HEALTH_DETAIL_CHARS_MAX } from "../../shared/limits.ts";
import { err, ok } from "../../shared/result.ts";
import { decodeDuration } from "../../shared/wire/duration-wire.ts";
import { AppHealth, MembershipService } from "../../shared/wire/membership-api.ts";
import type { Method } from "../grpc/grpc-endpoint.ts";
import { unaryMethod } from "../grpc/unary-method.ts";
import type { ReportedHealth } from "./health-reports.ts";
import type { Membership } from "./membership.ts";

/** The gRPC face of Membership. */
export function membershipMethods(membership: Membership): readonly Method[] {
  const drain = unaryMethod(MembershipService.drain, async ({ nodeId, wait }, signal) => {
    const waitMs = Math.min(DRAIN_WAIT_MS_MAX, wait === undefined ? DRAIN_WAIT_MS : decodeDuration(wait));
    const outcome = await membership.drain(nodeId, waitMs, signal);
    if (outcome === undefined) {
      return err({ code: status.NOT_FOUND, details: `no endpoint is registered by node "${nodeId}"` });
    }
    if (!outcome.ok) {
      return err({ code: status.UNAVAILABLE, details: `the endpoint could not be taken out: ${outcome.error}` });
    }
    // The node that leaves need not know that it does.
    const waiting = outcome.value.waiting.map((one) => one.nodeId).filter((id) => id !== nodeId);
    return ok({ revision: BigInt(outcome.value.revision), waiting });
  });
  const reportHealth = unaryMethod(MembershipService.reportHealth, async ({ nodeId, health, detail }) => {
    const isKnown = membership.report(nodeId, reportedHealth(health), detail.slice(0, HEALTH_DETAIL_CHARS_MAX));
    if (!isKnown) return err({ code: status.NOT_FOUND, details: `no endpoint is registered by node "${nodeId}"` });
    return ok({});
  });
  return [drain, reportHealth];
}

function reportedHealth(health: AppHealth): ReportedHealth {
  if (health === AppHealth.APP_HEALTH_PASSING) return "passing";
  return health === AppHealth.APP_HEALTH_FAILING ? "failing" : "unknown";
}
