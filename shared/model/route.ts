import type { RateLimitPolicy } from "./rate-limit.ts";

/** A route table (Envoy `RouteConfiguration`): hosts first, then routes in order, first match wins. */
export interface RouteConfig {
  readonly name: string;
  readonly virtualHosts: readonly VirtualHost[];
  /** Compare hosts without their port (Envoy `ignore_port_in_host_matching`). */
  readonly ignorePortInHost: boolean;
}

/** Domains are an exact name, `*suffix`, `prefix*` or `*`, best match in that order; each domain stands once per table. */
export interface VirtualHost {
  readonly name: string;
  readonly domains: readonly string[];
  readonly routes: readonly Route[];
}

export interface Route {
  /** Names the rule in logs and explanations: the row it came from. */
  readonly name: string;
  readonly match: RouteMatch;
  readonly action: RouteAction;
  readonly fault: FaultPolicy | undefined;
  readonly rateLimit: RateLimitPolicy | undefined;
}

/** All parts must hold. */
export interface RouteMatch {
  readonly path: PathMatch;
  readonly caseSensitive: boolean;
  /** Includes pseudo-headers `:method`, `:path`, `:authority`, as Envoy does. */
  readonly headers: readonly HeaderMatch[];
  readonly query: readonly QueryMatch[];
}

/** `segment-prefix` matches whole segments (Envoy `path_separated_prefix`): `/api` matches `/api` and `/api/x`, not `/apix`. */
export type PathMatch =
  | { readonly kind: "exact"; readonly value: string }
  | { readonly kind: "prefix"; readonly value: string }
  | { readonly kind: "segment-prefix"; readonly value: string }
  | { readonly kind: "regex"; readonly value: string };

export type ValueMatch =
  | { readonly kind: "exact"; readonly value: string; readonly ignoreCase: boolean }
  | { readonly kind: "prefix"; readonly value: string; readonly ignoreCase: boolean }
  | { readonly kind: "suffix"; readonly value: string; readonly ignoreCase: boolean }
  | { readonly kind: "contains"; readonly value: string; readonly ignoreCase: boolean }
  | { readonly kind: "regex"; readonly value: string }
  | { readonly kind: "range"; readonly start: number; readonly end: number }
  | { readonly kind: "present"; readonly present: boolean };

export interface HeaderMatch {
  /** Lower case. */
  readonly name: string;
  readonly value: ValueMatch;
  /** An absent header never matches a value, inverted or not (xds.md 2.22). */
  readonly invert: boolean;
  readonly treatMissingAsEmpty: boolean;
}

export interface QueryMatch {
  readonly name: string;
  readonly value: ValueMatch;
}

export type RouteAction = ForwardAction | RedirectAction | RespondAction;

export interface ForwardAction {
  readonly kind: "forward";
  /** Weights are relative; their sum is the modulus. At least one entry; a sum of 0 is refused. */
  readonly clusters: readonly WeightedCluster[];
  /** The whole request including retries; 0 is no limit. Undefined means Envoy's default of 15 s. */
  readonly timeoutMs: number | undefined;
  readonly retry: RetryPolicy | undefined;
  /** In order, combined; `terminal` stops after a value was found. None found: the picker chooses freely. */
  readonly hashOn: readonly HashPolicy[];
  readonly prefixRewrite: string | undefined;
  readonly regexRewrite: { readonly pattern: string; readonly substitution: string } | undefined;
  readonly hostRewrite: string | undefined;
  readonly mirrors: readonly MirrorPolicy[];
}

export interface WeightedCluster {
  readonly cluster: string;
  readonly weight: number;
}

export interface RetryPolicy {
  /** Envoy's words: connect-failure, reset, gateway-error, 5xx, retriable-4xx, retriable-status-codes, ... */
  readonly retryOn: readonly string[];
  /** Tries after the first (Envoy `num_retries`): `retry_attempts` of a ServicePolicy minus one. */
  readonly retries: number;
  readonly perTryTimeoutMs: number | undefined;
  readonly retriableStatuses: readonly number[];
  readonly backoffBaseMs: number;
  readonly backoffMaxMs: number;
  /** Choose an endpoint that has not been tried, when there is one (Envoy `previous_hosts`). */
  readonly avoidPrevious: boolean;
  /** Also what is neither idempotent nor carries an Idempotency-Key: the operator knows that it may be done twice. */
  readonly retryNonIdempotent: boolean;
  /** A Retry-After of at most this long sets the wait; 0: it is not read (Envoy `rate_limited_retry_back_off`). */
  readonly retryAfterMaxMs: number;
  /** A try that is too slow goes on while another one starts; the first good answer wins (Envoy `hedge_policy`). */
  readonly hedgeOnTryTimeout: boolean;
}

export type HashPolicy =
  | { readonly kind: "header"; readonly name: string; readonly terminal: boolean }
  | { readonly kind: "cookie"; readonly name: string; readonly terminal: boolean }
  | { readonly kind: "query"; readonly name: string; readonly terminal: boolean }
  | { readonly kind: "source-ip"; readonly terminal: boolean };

export interface RedirectAction {
  readonly kind: "redirect";
  readonly status: 301 | 302 | 303 | 307 | 308;
  readonly scheme: string | undefined;
  readonly host: string | undefined;
  readonly port: number | undefined;
  /** Replaces the whole path, or only the matched prefix. */
  readonly path: { readonly kind: "full" | "prefix"; readonly value: string } | undefined;
  readonly stripQuery: boolean;
}

export interface RespondAction {
  readonly kind: "respond";
  /** 200-599. */
  readonly status: number;
  /** At most 4096 bytes (Envoy `max_direct_response_body_size_bytes`). */
  readonly body: string;
}

/** Faults for one route (Envoy's `HTTPFault` in `typed_per_filter_config`). Each is drawn independently; delay comes first. */
export interface FaultPolicy {
  readonly delay: { readonly percent: number; readonly ms: number } | undefined;
  readonly abort: { readonly percent: number; readonly status: number } | undefined;
  /** Only requests that carry all of these. */
  readonly headers: readonly HeaderMatch[];
  /** Unix milliseconds after which it injects nothing, control plane or not; undefined: until it is taken away. */
  readonly untilWallMs: number | undefined;
}

/** A copy of a share of the requests, whose answers nobody sees (Envoy `request_mirror_policies`). */
export interface MirrorPolicy {
  readonly cluster: string;
  readonly percent: number;
}
