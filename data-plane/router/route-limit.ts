import type { RateLimitKey, RateLimitPolicy } from "../../shared/model/rate-limit.ts";
import { RATE_LIMIT_KEY_CHARS_MAX } from "../../shared/limits.ts";
import { hash32 } from "../../shared/string-hash.ts";
import type { TokenRate } from "../../shared/token-bucket.ts";
import { violation, type Violation } from "../../shared/violation.ts";
import { isToken } from "../http1/chars.ts";
import type { RequestHead } from "../http1/message.ts";
import { headerValue } from "./header-value.ts";

/** The one key of a limit that all requests share, and of those that lack the header a limit asks for. */
const EVERYBODY = "";

/** The limit of one route, compiled: whose tokens a request takes, and what a refused one is told. */
export class RouteLimit {
  readonly policy: RateLimitPolicy;
  readonly rate: TokenRate;
  /** Under which what is known of it survives: another way to tell clients apart is another limit. */
  readonly stateKey: string;
  readonly #by: RateLimitKey;
  readonly #policyLine: string;
  readonly #name: string;

  constructor(policy: RateLimitPolicy) {
    const { name, requests, perMs, burst, by, scope } = policy;
    this.policy = policy;
    this.rate = { tokensPerMs: requests / perMs, burst };
    this.stateKey = `${scope} ${by.kind} ${by.kind === "header" ? by.name : ""} ${name}`;
    this.#by = by;
    this.#name = structuredString(name);
    this.#policyLine = `ratelimit-policy: ${this.#name};${quota(requests, perMs)}\r\n`;
  }

  /** Whether the key is who calls: only then `source` must be known. */
  get isByClient(): boolean {
    return this.#by.kind === "client";
  }

  /**
   * Whose tokens are taken: those of the caller by its name, else by its address; or of the header's value. All requests
   * without the header share one bucket, so that nobody gains by leaving it out. Hot.
   */
  key(head: RequestHead, source: string, sourceIp: string): string {
    if (this.#by.kind === "client") return source === "" ? sourceIp : source;
    if (this.#by.kind === "total") return EVERYBODY;
    const value = headerValue(head, this.#by.name) ?? EVERYBODY;
    return value.length <= RATE_LIMIT_KEY_CHARS_MAX ? value : shortened(value);
  }

  /**
   * The lines of a refusal. `Retry-After` in whole seconds (RFC 9110 10.2.3); `RateLimit-Policy` and `RateLimit` as in
   * draft-ietf-httpapi-ratelimit-headers-10: quota and window, and what remains until when. `x-envoy-ratelimited` keeps an Envoy
   * that called from trying again.
   */
  refusalLines(waitMs: number): string {
    const seconds = Math.max(1, Math.ceil(waitMs / 1_000));
    return `retry-after: ${seconds}\r\n${this.#policyLine}ratelimit: ${this.#name};r=0;t=${seconds}\r\nx-envoy-ratelimited: true\r\n`;
  }
}

/** `path` is the place of the limit in its resource. */
export function compileRateLimit(policy: RateLimitPolicy, path: string, violations: Violation[]): RouteLimit {
  const { name, requests, perMs, burst, by } = policy;
  const must = (holds: boolean, what: string): void => {
    if (!holds) violations.push(violation(path, what));
  };
  must(name !== "", "the limit has no name");
  must(Number.isInteger(requests) && requests >= 1, `${requests} requests are not a whole number of 1 or more`);
  must(perMs > 0 && Number.isFinite(perMs), `${perMs} ms are not above 0`);
  must(Number.isInteger(burst) && burst >= 1, `a burst of ${burst} is not a whole number of 1 or more`);
  if (by.kind === "header") must(isToken(by.name), `"${by.name}" is not the name of a header`);
  return new RouteLimit(policy);
}

/** Long values differ at their ends (a token's signature); equal ends with equal hashes share a bucket. */
function shortened(value: string): string {
  return `${value.length}:${hash32(value)}:${value.slice(-RATE_LIMIT_KEY_CHARS_MAX / 2)}`;
}

/** Windows are whole seconds there. */
function quota(requests: number, perMs: number): string {
  if (perMs >= 1_000 && perMs % 1_000 === 0) return `q=${requests};w=${perMs / 1_000}`;
  return `q=${Math.max(1, Math.floor((requests * 1_000) / perMs))};w=1`;
}

/** A string of RFC 9651 3.3.3: printable ASCII. */
function structuredString(text: string): string {
  return `"${text.replaceAll(/[^\x20-\x7e]/g, "?").replaceAll(/["\\]/g, "\\$&")}"`;
}
