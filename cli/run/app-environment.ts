/** Where the proxy beside an app listens, as it really came up. `upstreams` are local ports by service. */
export interface ProxyAddresses {
  readonly outbound: string;
  readonly upstreams: ReadonlyMap<string, string>;
}

/**
 * What an app needs to reach the mesh without a change of its code: the proxy variables that curl, Go, Python, Ruby
 * and others read. Node reads them when NODE_USE_ENV_PROXY is 1 (Node 24 and later). Loopback addresses stay direct: an
 * app's own database is no service of the mesh.
 */
export function appEnvironment(addresses: ProxyAddresses, noProxy: string | undefined): Record<string, string> {
  const proxy = `http://${addresses.outbound}`;
  const direct = [noProxy, "localhost,127.0.0.1,::1"].filter((part) => part !== undefined && part !== "").join(",");
  const environment: Record<string, string> = {
    http_proxy: proxy,
    HTTP_PROXY: proxy,
    no_proxy: direct,
    NO_PROXY: direct,
    NODE_USE_ENV_PROXY: "1",
    HEDDLE_OUTBOUND: addresses.outbound,
  };
  for (const [service, address] of addresses.upstreams) environment[upstreamVariable(service)] = `http://${address}`;
  return environment;
}

/** `my-reviews.v1` is `HEDDLE_UPSTREAM_MY_REVIEWS_V1`. */
export function upstreamVariable(service: string): string {
  return `HEDDLE_UPSTREAM_${service.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_")}`;
}
