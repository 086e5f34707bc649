import { ProtoReader } from "./proto-reader.ts";

/**
 * The name of an encoded resource, also of one that cannot be used: field 1 holds it in each of the xDS types (Listener,
 * RouteConfiguration, Cluster, ClusterLoadAssignment, Secret). Undefined when there is none or the bytes are bad.
 */
export function readResourceName(bytes: Uint8Array): string | undefined {
  const reader = new ProtoReader(bytes);
  let name: string | undefined;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === NAME) name = reader.string();
    else reader.skip(tag);
  }
  return reader.failed || name === "" ? undefined : name;
}

const NAME = (1 << 3) | 2;
