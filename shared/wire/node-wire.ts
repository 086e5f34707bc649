import { Node } from "../generated/envoy/config/core/v3/base.ts";
import type { NodeKind, ProxyNode } from "../model/node.ts";

/** `user_agent_name` of Heddle's proxies. */
export const HEDDLE_USER_AGENT = "heddle";

/**
 * Metadata keys by which a proxy introduces itself. Any xDS client may set them in its bootstrap, so that a real Envoy
 * can register its inbound address or choose where its outbound listener binds.
 */
const keys = {
  service: "heddle.service",
  version: "heddle.version",
  inbound: "heddle.inbound",
  outbound: "heddle.outbound",
  admin: "heddle.admin",
  snapshot: "heddle.snapshot",
} as const;

/** How Heddle's own proxy introduces itself. */
export function nodeMessage(node: ProxyNode): Node {
  const metadata: Record<string, string> = {
    [keys.service]: node.service,
    [keys.snapshot]: node.snapshotSource,
    ...(node.version === "" ? {} : { [keys.version]: node.version }),
    ...(node.inbound === undefined ? {} : { [keys.inbound]: node.inbound }),
    ...(node.outbound === undefined ? {} : { [keys.outbound]: node.outbound }),
    ...(node.admin === undefined ? {} : { [keys.admin]: node.admin }),
  };
  return Node.fromPartial({ id: node.id, cluster: node.service, userAgentName: HEDDLE_USER_AGENT, metadata });
}

/** Who speaks. Ids and services may be empty: whether that is acceptable is the server's decision. */
export function readNode(message: Node): ProxyNode {
  const text = (key: string): string | undefined => {
    const value: unknown = message.metadata?.[key];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const snapshot = text(keys.snapshot);
  return {
    id: message.id,
    kind: kindOf(message.userAgentName),
    service: text(keys.service) ?? message.cluster,
    version: text(keys.version) ?? "",
    inbound: text(keys.inbound),
    outbound: text(keys.outbound),
    admin: text(keys.admin),
    snapshotSource: snapshot === "disk" || snapshot === "stream" ? snapshot : "none",
  };
}

/** Everything that is neither Heddle's nor a gRPC library (`gRPC Go`, `gRPC Node Pure JS`, ...) gets what an Envoy gets. */
function kindOf(userAgentName: string): NodeKind {
  if (userAgentName === HEDDLE_USER_AGENT) return "heddle";
  return /^grpc\b/i.test(userAgentName) ? "grpc" : "envoy";
}
