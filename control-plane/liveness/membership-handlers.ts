import { status, type ServerUnaryCall } from "@grpc/grpc-js";

import { DRAIN_WAIT_MS } from "../../shared/defaults.ts";
import { DRAIN_WAIT_MS_MAX } from "../../shared/limits.ts";
import { decodeDuration } from "../../shared/wire/duration-wire.ts";
import type { DrainRequest, DrainResponse, MembershipServer } from "../../shared/wire/membership-api.ts";
import type { Membership } from "./membership.ts";

/** The gRPC face of Membership. */
export function membershipHandlers(membership: Membership): MembershipServer {
  return {
    drain(call, callback) {
      void drain(membership, call).then(
        (response) => {
          if (response !== undefined) return callback(null, response);
          const details = `no endpoint is registered by node "${call.request.nodeId}"`;
          return callback({ code: status.NOT_FOUND, details });
        },
        (error: unknown) => callback({ code: status.INTERNAL, details: String(error) }),
      );
    },
  };
}

async function drain(
  membership: Membership,
  call: ServerUnaryCall<DrainRequest, DrainResponse>,
): Promise<DrainResponse | undefined> {
  const { nodeId, wait } = call.request;
  const waitMs = Math.min(DRAIN_WAIT_MS_MAX, wait === undefined ? DRAIN_WAIT_MS : decodeDuration(wait));
  const gone = new AbortController();
  call.on("cancelled", () => gone.abort());
  const outcome = await membership.drain(nodeId, waitMs, gone.signal);
  if (outcome === undefined) return undefined;
  return {
    revision: BigInt(outcome.revision),
    // The node that leaves need not know that it does.
    waiting: outcome.waiting.map((one) => one.nodeId).filter((id) => id !== nodeId),
  };
}
