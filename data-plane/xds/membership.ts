import { credentials, Metadata } from "@grpc/grpc-js";

import type { Clock } from "../../shared/clock.ts";
import { encodeDuration } from "../../shared/wire/duration-wire.ts";
import { MembershipClient, type DrainResponse } from "../../shared/wire/membership-api.ts";
import type { Announced } from "../drain.ts";

/** The call itself may take this much longer than the wait it asks for. */
const CALL_MARGIN_MS = 1_000;

export interface DrainCall {
  /** Of the control plane, `host:port`. */
  readonly address: string;
  readonly nodeId: string;
  readonly waitMs: number;
  readonly clock: Clock;
}

/**
 * Asks the control plane to take this proxy's endpoint out of every snapshot and waits until each connected proxy has
 * acknowledged that, at most `waitMs`. Never rejects: a control plane that cannot be asked must not keep a proxy from
 * stopping.
 */
export async function announceDrain(call: DrainCall): Promise<Announced> {
  const { address, nodeId, waitMs, clock } = call;
  const client = new MembershipClient(address, credentials.createInsecure(), { "grpc.enable_retries": 0 });
  const deadline = clock.wallMs() + waitMs + CALL_MARGIN_MS;
  try {
    return await new Promise<Announced>((settle) => {
      const request = { nodeId, wait: encodeDuration(waitMs) };
      client.drain(request, new Metadata(), { deadline }, (error, response) => {
        settle(error === null ? describe(response) : unknown(`the control plane was not told: ${error.details}`));
      });
    });
  } finally {
    client.close();
  }
}

function describe({ revision, waiting }: DrainResponse): Announced {
  if (waiting.length > 0) {
    return unknown(`revision ${revision} no longer names this proxy; not acknowledged by ${waiting.join(", ")}`);
  }
  const words = `every proxy has acknowledged revision ${revision}, which no longer names this one`;
  return { isKnownToAll: true, words };
}

function unknown(words: string): Announced {
  return { isKnownToAll: false, words };
}
