import { credentials, Metadata, status } from "@grpc/grpc-js";

import type { Clock } from "../../shared/clock.ts";
import { encodeDuration } from "../../shared/wire/duration-wire.ts";
import {
  AppHealth as AppHealthMessage,
  MembershipClient,
  type DrainResponse,
} from "../../shared/wire/membership-api.ts";
import type { Announced } from "../drain.ts";
import type { AppHealth } from "../upstream/app-check.ts";

/** A call may take this long beyond the wait it asks for. */
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

export interface ReportCall {
  /** Of the control plane, `host:port`. */
  readonly address: string;
  readonly nodeId: string;
  readonly health: AppHealth;
  readonly clock: Clock;
}

/**
 * Tells the control plane what the checks of the app came to. Undefined: it knows, or is a foreign one that has no ear for
 * it. Else why it does not. Never rejects.
 */
export async function reportHealth(call: ReportCall): Promise<string | undefined> {
  const { address, nodeId, health, clock } = call;
  const client = new MembershipClient(address, credentials.createInsecure(), { "grpc.enable_retries": 0 });
  try {
    return await new Promise<string | undefined>((settle) => {
      const request = { nodeId, health: healthWords[health.health], detail: health.detail };
      client.reportHealth(request, new Metadata(), { deadline: clock.wallMs() + CALL_MARGIN_MS }, (error) => {
        settle(error === null || error.code === status.UNIMPLEMENTED ? undefined : error.details);
      });
    });
  } finally {
    client.close();
  }
}

const healthWords = {
  unknown: AppHealthMessage.APP_HEALTH_UNSPECIFIED,
  passing: AppHealthMessage.APP_HEALTH_PASSING,
  failing: AppHealthMessage.APP_HEALTH_FAILING,
} as const;

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
