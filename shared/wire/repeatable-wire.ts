import type { HeaderMatcher } from "../generated/envoy/config/route/v3/route_components.ts";
import type { HeaderMatch, RetryPolicy } from "../model/route.ts";
import { violation, type Violation } from "../violation.ts";
import { headerMessage, readHeaders } from "./match-wire.ts";

/** After these no byte of the request has been read by anybody: any request may be sent again. */
const NEVER_SENT = new Set(["connect-failure", "refused-stream", "reset-before-request"]);

/** The idempotent methods (RFC 9110 9.2.2), or a key by which the other side knows a repetition. */
const repeatable: readonly HeaderMatch[] = [
  {
    name: ":method",
    value: { kind: "regex", value: "GET|HEAD|PUT|DELETE|OPTIONS|TRACE" },
    invert: false,
    treatMissingAsEmpty: false,
  },
  { name: "idempotency-key", value: { kind: "present", present: true }, invert: false, treatMissingAsEmpty: false },
];

/**
 * The requests that an Envoy may try again: any one must match. Envoy itself never asks whether a request may be done
 * twice, and the condition holds for all of a policy's retries, so it also gives up those of a POST that nobody has
 * read yet.
 */
export function repeatableHeaders({ retryNonIdempotent, retryOn }: RetryPolicy): HeaderMatcher[] {
  if (retryNonIdempotent || retryOn.every((word) => NEVER_SENT.has(word))) return [];
  return repeatable.map(headerMessage);
}

/** Heddle's proxies keep to our own condition anyhow; any other would leave out retries for reasons they do not know. */
export function checkRepeatable(messages: readonly HeaderMatcher[], path: string, found: Violation[]): void {
  if (messages.length === 0) return;
  const unread: Violation[] = [];
  const matches = readHeaders(messages, path, unread);
  if (unread.length === 0 && JSON.stringify(matches) === JSON.stringify(repeatable)) return;
  found.push(violation(path, "is not supported by Heddle"));
}
