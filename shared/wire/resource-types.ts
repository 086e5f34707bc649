/** The kinds of resource that travel over the stream, by the names that people read. */
export const RESOURCE_TYPES = ["clusters", "endpoints", "listeners", "routes", "secrets", "digest"] as const;
export type ResourceType = (typeof RESOURCE_TYPES)[number];

export const TYPE_URL_PREFIX = "type.googleapis.com/";

/** The xDS type URL of each kind. */
export const typeUrls: Readonly<Record<ResourceType, string>> = {
  clusters: `${TYPE_URL_PREFIX}envoy.config.cluster.v3.Cluster`,
  endpoints: `${TYPE_URL_PREFIX}envoy.config.endpoint.v3.ClusterLoadAssignment`,
  listeners: `${TYPE_URL_PREFIX}envoy.config.listener.v3.Listener`,
  routes: `${TYPE_URL_PREFIX}envoy.config.route.v3.RouteConfiguration`,
  secrets: `${TYPE_URL_PREFIX}envoy.extensions.transport_sockets.tls.v3.Secret`,
  digest: `${TYPE_URL_PREFIX}heddle.discovery.v1.Digest`,
};

/**
 * The order in which a server sends what changed: whatever a resource refers to goes before it, so that no request
 * meets a route without its cluster or a cluster without endpoints (xDS protocol, "Eventual consistency considerations").
 */
export const PUSH_ORDER = ["clusters", "endpoints", "listeners", "routes"] as const satisfies readonly ResourceType[];

const byTypeUrl = new Map<string, ResourceType>(RESOURCE_TYPES.map((type) => [typeUrls[type], type]));

/** Undefined for a type that Heddle does not serve. */
export function resourceTypeOf(typeUrl: string): ResourceType | undefined {
  return byTypeUrl.get(typeUrl);
}
