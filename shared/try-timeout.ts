import { ENVOY_ROUTE_TIMEOUT_MS } from "./defaults.ts";
import type { ForwardAction } from "./model/route.ts";

/** How long one try of a request may take. */
export interface TryTimeout {
  /** 0: as long as the request. */
  readonly ms: number;
  /** It is the operator's own, so it holds for the last try as well; our default leaves that one the rest of the time. */
  readonly bindsLast: boolean;
}

/**
 * A slow first try must not eat the time of those after it: without a word of the operator each has its share of the request's
 * time (semantics.md 3). One that is no shorter than the whole request says nothing (as Envoy).
 */
export function tryTimeoutOf({ timeoutMs = ENVOY_ROUTE_TIMEOUT_MS, retry }: ForwardAction): TryTimeout {
  if (retry === undefined) return { ms: 0, bindsLast: false };
  const { perTryTimeoutMs, retries } = retry;
  const ms = perTryTimeoutMs ?? (retries === 0 ? 0 : Math.ceil(timeoutMs / (retries + 1)));
  return { ms: timeoutMs > 0 && ms >= timeoutMs ? 0 : ms, bindsLast: perTryTimeoutMs !== undefined };
}
