import type { HeaderList } from "../http1/message.ts";

const SECONDS = /^\d{1,9}$/;

/**
 * How long an answer asks its client to stay away (Retry-After, RFC 9110 10.2.3), in milliseconds, from its seconds or its
 * date; -1 when it does not say, or in no form that is known. A date that has passed is 0.
 */
export function retryAfterMs(headers: HeaderList, nowWallMs: number): number {
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at] !== "retry-after") continue;
    const value = headers[at + 1] ?? "";
    if (SECONDS.test(value)) return Number(value) * 1_000;
    // Date.parse reads more than HTTP has: "-1" is a year to it.
    const date = value.endsWith(" GMT") ? Date.parse(value) : Number.NaN;
    return Number.isNaN(date) ? -1 : Math.max(0, date - nowWallMs);
  }
  return -1;
}
