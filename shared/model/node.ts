/** What kind of xDS client a node is: it gets what it can use. Told from the node's user agent. */
export type NodeKind = "heddle" | "envoy" | "grpc";

/** One connected proxy, as it introduced itself in the first request of its stream. */
export interface ProxyNode {
  readonly id: string;
  readonly kind: NodeKind;
  /** The service whose calls it makes (Envoy `node.cluster`, or metadata `heddle.service`). */
  readonly service: string;
  readonly version: string;
  /** Where peers reach the instance's proxy; undefined when it serves no inbound traffic. `host:port`. */
  readonly inbound: string | undefined;
  /** Where the proxy's outbound listener shall bind, `host:port`; undefined for the default. Used by Envoys. */
  readonly outbound: string | undefined;
  /** Where operators reach the proxy's admin port; undefined when not told. `host:port`. */
  readonly admin: string | undefined;
  /** `disk` while the proxy still serves from its stored snapshot. */
  readonly snapshotSource: "none" | "disk" | "stream";
}
