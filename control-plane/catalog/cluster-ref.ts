/** The service and version that the name of a cluster means: `reviews`, or `reviews/v2`. */
export interface ClusterRef {
  readonly service: string;
  /** Null: all versions. */
  readonly version: string | null;
}

/** A version may hold a slash, a service cannot. */
export function parseCluster(name: string): ClusterRef {
  const slash = name.indexOf("/");
  if (slash === -1) return { service: name, version: null };
  return { service: name.slice(0, slash), version: name.slice(slash + 1) };
}
