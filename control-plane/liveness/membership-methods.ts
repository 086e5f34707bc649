import { status } from "@grpc/grpc-js";

import { DRAIN_WAIT_MS } from "../../shared/defaults.ts";
import { DRAIN_WAIT_MS_MAX } from "../../shared/limits.ts";
import { err, ok } from "../../shared/result.ts";
import { decodeDuration } from "../../shared/wire/duration-wire.ts";
import { MembershipService } from "../../shared/wire/membership-api.ts";
import type { Method } from "../grpc/grpc-endpoint.ts";
import { unaryMethod } from "../grpc/unary-method.ts";
import type { Membership } from "./membership.ts";

/** The gRPC face of Membership. */
export function membershipMethods(membership: Membership): readonly Method[] {
  const drain = unaryMethod(MembershipService.drain, async ({ nodeId, wait }, signal) => {
    const waitMs = Math.min(DRAIN_WAIT_MS_MAX, wait === undefined ? DRAIN_WAIT_MS : decodeDuration(wait));
    const outcome = await membership.drain(nodeId, waitMs, signal);
    if (outcome === undefined) {
      return err({ code: status.NOT_FOUND, details: `no endpoint is registered by node "${nodeId}"` });
    }
    // The node that leaves need not know that it does.
    const waiting = outcome.waiting.map((one) => one.nodeId).filter((id) => id !== nodeId);
    return ok({ revision: BigInt(outcome.revision), waiting });
  });
  return [drain];
}
