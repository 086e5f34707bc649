import type { Address } from "../address.ts";
import type { RouteConfig } from "./route.ts";

/** Where traffic enters a proxy (Envoy `Listener` with one HTTP connection manager). */
export interface Listener {
  readonly name: string;
  /** Outbound serves the local app's calls, inbound serves calls to the local app (Envoy `traffic_direction`). */
  readonly direction: "inbound" | "outbound" | "unspecified";
  /** Where to listen. Undefined for a gRPC `api_listener`, which opens no socket. */
  readonly bind: Address | undefined;
  readonly routes: RouteSource;
  /** Prefix of the listener's metrics (Envoy `stat_prefix`, mandatory there). */
  readonly statPrefix: string;
}

export type RouteSource =
  | { readonly kind: "rds"; readonly routeConfigName: string }
  | { readonly kind: "inline"; readonly config: RouteConfig };
