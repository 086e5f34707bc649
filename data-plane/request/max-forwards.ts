import type { RequestHead } from "../http1/message.ts";

/** The methods that a proxy passes on, for the Allow of answers about methods (RFC 9110 10.2.1). */
export const ALLOW_LINE = "allow: GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS\r\n";

const DIGITS = /^\d{1,9}$/;

/**
 * Max-Forwards of an OPTIONS (RFC 9110 7.6.2): how many more proxies may pass it on. Counts this one, in the head; returns
 * false when it may not be passed on any further, and is to be answered here. Whatever is no number is left alone.
 */
export function countForward(head: RequestHead): boolean {
  const at = head.headers.findIndex((name, index) => index % 2 === 0 && name === "max-forwards");
  const text = at < 0 ? undefined : head.headers[at + 1];
  if (text === undefined || !DIGITS.test(text)) return true;
  const forwards = Number(text);
  if (forwards === 0) return false;
  head.headers[at + 1] = String(forwards - 1);
  return true;
}
