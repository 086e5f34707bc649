import type { NodeKind, ProxyNode } from "../../shared/model/node.ts";
import type { Mesh } from "./mesh.ts";

/** What decides a node's snapshot. Nodes of one class share one snapshot, its bytes and its versions. */
export interface NodeClass {
  readonly kind: NodeKind;
  /** The calling service when some row treats its calls specially, else "": most nodes share the general routes. */
  readonly source: string;
  /** The node's own service when that has a rate limit, which its proxy keeps, else "": most share one inbound listener. */
  readonly limited: string;
  /** Where an Envoy binds its outbound listener, `host:port`; undefined for the default and for other kinds. */
  readonly outbound: string | undefined;
}

export function nodeClassOf(node: ProxyNode, mesh: Mesh): NodeClass {
  return {
    kind: node.kind,
    source: mesh.sources.has(node.service) ? node.service : "",
    limited: node.kind === "heddle" && mesh.limited.has(node.service) ? node.service : "",
    outbound: node.kind === "envoy" ? node.outbound : undefined,
  };
}

/** Equal for equal classes. No part can hold a line break: names are checked when rows and nodes come in. */
export function nodeClassKey(nodeClass: NodeClass): string {
  return `${nodeClass.kind}\n${nodeClass.source}\n${nodeClass.limited}\n${nodeClass.outbound ?? ""}`;
}
