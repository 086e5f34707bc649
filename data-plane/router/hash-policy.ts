import { unreachable } from "../../shared/assert.ts";
import type { HashPolicy } from "../../shared/model/route.ts";
import { hash32 } from "../../shared/string-hash.ts";
import type { RequestHead } from "../http1/message.ts";
import { headerValue } from "./header-value.ts";
import { queryValue } from "./query-match.ts";

/** No policy found a value: the picker chooses freely. */
export const NO_HASH = -1;

/**
 * What a hashing picker keys on. All values found are combined, each after the earlier ones were rotated left by one bit
 * and XORed in, so that order counts; a `terminal` policy that found a value ends the list (Envoy `RouteAction.HashPolicy`).
 * Returns an unsigned 32-bit number or {@link NO_HASH}. Hot.
 */
export function hashRequest(policies: readonly HashPolicy[], head: RequestHead, sourceIp: string): number {
  let hash = NO_HASH;
  for (const policy of policies) {
    const value = hashedValue(policy, head, sourceIp);
    if (value === undefined) continue;
    const one = hash32(value);
    hash = hash === NO_HASH ? one : (((hash << 1) | (hash >>> 31)) ^ one) >>> 0;
    if (policy.terminal) break;
  }
  return hash;
}

function hashedValue(policy: HashPolicy, head: RequestHead, sourceIp: string): string | undefined {
  switch (policy.kind) {
    case "header":
      return headerValue(head, policy.name);
    case "cookie":
      return cookieValue(headerValue(head, "cookie"), policy.name);
    case "query":
      return queryValue(head.query, policy.name);
    case "source-ip":
      return sourceIp === "" ? undefined : sourceIp;
    default:
      return unreachable(policy);
  }
}

/** The first cookie of that name (RFC 6265 4.2: `a=1; b=2`), without surrounding quotes; undefined when absent or empty. */
export function cookieValue(header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined;
  for (let start = 0; start < header.length;) {
    const semicolon = header.indexOf(";", start);
    const end = semicolon === -1 ? header.length : semicolon;
    while (start < end && header.charCodeAt(start) === 0x20) start += 1;
    const equals = start + name.length;
    if (equals < end && header.charCodeAt(equals) === 0x3d && header.startsWith(name, start)) {
      const value = header
        .slice(equals + 1, end)
        .trim()
        .replace(/^"(.*)"$/, "$1");
      return value === "" ? undefined : value;
    }
    start = end + 1;
  }
  return undefined;
}
