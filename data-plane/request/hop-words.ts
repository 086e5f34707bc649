import type { HeaderList, ResponseHead } from "../http1/message.ts";
import { isCutOff } from "../policy/retry-refusal.ts";
import { OVERLOADED_HEADER, RETRIED_HEADER } from "./outcome.ts";
import type { RequestContext } from "./request-context.ts";

/**
 * What a hop says of a request to the hop before it, in the head of the answer (semantics.md 20, 6):
 *
 * - `x-heddle-retried`: it has been retried, or a policy said that there were retries enough. Nobody before needs to, and
 *   nobody may make the retries that were refused here.
 * - `x-heddle-overloaded`: there was no room for it, or it was kept from a service that is not well. Another try would only
 *   add to the load; and whoever is in between is well, so that of a chain the breaker next to what fails opens, and not
 *   one after the other.
 *
 * An app between two proxies passes neither on. The proxy beside it remembers both for the request that the app answers.
 */
const RETRIED_LINE = `${RETRIED_HEADER}: true\r\n`;
/** Tells the proxies on the way back that another try would only add to the load (Envoy `x-envoy-overloaded`). */
export const OVERLOADED_LINE = `${OVERLOADED_HEADER}: true\r\n`;

/** An answer of 400 or above to a call that the app made. */
export function hearAnswer({ call, cluster }: RequestContext, head: ResponseHead): void {
  if (call === undefined || cluster?.isOutside !== false) return;
  if (has(head.headers, RETRIED_HEADER)) call.wasRetried = true;
  if (has(head.headers, OVERLOADED_HEADER)) call.wasRefused = true;
}

/** This proxy refuses the request, or another try of it. */
export function hearRefusal({ call, retryRefusal, services }: RequestContext, isForLackOfRoom: boolean): void {
  if (call === undefined || services.direction === "inbound") return;
  if (isForLackOfRoom) call.wasRefused = true;
  if (isCutOff(retryRefusal)) call.wasRetried = true;
}

// Hot: once per response.
/** The lines for an answer; `headers` are those that it has already. */
export function hopLines(ctx: RequestContext, status: number, headers: HeaderList): string {
  const { call, retries, retryRefusal, services } = ctx;
  const heard = services.direction === "inbound" ? call : undefined;
  let lines = "";
  if (retries > 0 || heard?.wasRetried === true || isCutOff(retryRefusal)) {
    if (status >= 200 && !has(headers, RETRIED_HEADER)) lines += RETRIED_LINE;
  }
  // An answer below 500 was good enough without the call that was refused.
  if (heard?.wasRefused === true && status >= 500 && !has(headers, OVERLOADED_HEADER)) lines += OVERLOADED_LINE;
  return lines;
}

function has(headers: HeaderList, name: string): boolean {
  for (let at = 0; at < headers.length; at += 2) if (headers[at] === name) return true;
  return false;
}
