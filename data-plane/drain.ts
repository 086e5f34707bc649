import { DRAIN_REQUESTS_MS, DRAIN_WAIT_MS, UPSTREAM_IDLE_MS } from "../shared/defaults.ts";
import type { Clock } from "../shared/clock.ts";
import type { Logger } from "../shared/log.ts";
import type { Timers } from "../shared/timers.ts";
import type { ListenerSet, Side } from "./listener/listener-set.ts";

/** How often it is looked whether the last request is done. */
const POLL_MS = 20;
/**
 * Connections without a request may carry one that is on its way; this long they are waited for after the last request.
 * Peers that acknowledged the drain have closed theirs, so this is for the app's own.
 */
const IDLE_GRACE_MS = 250;
/**
 * Peers that were not told keep their idle connections for UPSTREAM_IDLE_MS, and may put a request on one at any moment
 * until then: closed under a POST, it would cost that POST.
 */
const UNTOLD_GRACE_MS = UPSTREAM_IDLE_MS + 500;

/** What came of telling the peers: whether every connected proxy knows, and that in words for the log. */
export interface Announced {
  readonly isKnownToAll: boolean;
  readonly words: string;
}

/** The part of a ListenerSet that a drain needs. */
export type Drained = Pick<ListenerSet, "drain" | "inFlight" | "connections">;

export interface DrainOptions {
  readonly listeners: Drained;
  /** Tells the control plane and waits for the others' acknowledgement, at most so long. */
  readonly announce: (waitMs: number) => Promise<Announced>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Logger;
  readonly requestsMs?: number;
  /** Leaves the outbound ports open: whoever asks will stop the app next, and it may make calls to its end. */
  readonly keepOutbound: boolean;
}

/**
 * The order that loses no request (semantics.md 9): the peers learn that this endpoint goes, and say that they know;
 * only then does it take no new connections, finish what is on its way, and stop. Others sleep for a guessed time here.
 * The app's own calls come last: an app that is finishing its answers needs them.
 */
export async function drain(options: DrainOptions): Promise<void> {
  const { listeners, announce, clock, log } = options;
  const startMs = clock.nowMs();
  const { isKnownToAll, words } = await announce(DRAIN_WAIT_MS);
  log.info(words);
  listeners.drain("inbound");
  let left = await requestsDone(options, "inbound", isKnownToAll ? IDLE_GRACE_MS : UNTOLD_GRACE_MS);
  if (!options.keepOutbound) {
    listeners.drain();
    left = await requestsDone(options, "both", IDLE_GRACE_MS);
  }
  const tookMs = Math.round(clock.nowMs() - startMs);
  if (left === 0) log.info({ tookMs }, "drained: every request was finished");
  else log.warn({ tookMs, left }, "drained: the time for requests in flight ran out");
}

/** Settles with the number of requests that were still on their way when the time ran out. */
function requestsDone(options: DrainOptions, side: Side, graceMs: number): Promise<number> {
  const { listeners, clock, timers, requestsMs = DRAIN_REQUESTS_MS } = options;
  const endMs = clock.nowMs() + requestsMs;
  let idleSinceMs: number | undefined = undefined;
  return new Promise((settle) => {
    const poll = timers.every(POLL_MS, () => {
      const nowMs = clock.nowMs();
      idleSinceMs = listeners.inFlight(side) > 0 ? undefined : (idleSinceMs ?? nowMs);
      const isIdle = idleSinceMs !== undefined && nowMs >= idleSinceMs + graceMs;
      if (listeners.connections(side) > 0 && !isIdle && nowMs < endMs) return;
      poll.cancel();
      settle(listeners.inFlight(side));
    });
  });
}
