import type { Cluster, LoadAssignment } from "../../shared/model/cluster.ts";
import type { Listener } from "../../shared/model/listener.ts";
import type { RouteConfig } from "../../shared/model/route.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { violation, type Violation } from "../../shared/violation.ts";
import type { Digest, RawResource, ResourceDecoder, SubscribedType } from "../../data-plane/xds/discovery-message.ts";

/** Resources as JSON of the model: lets stories about the session say what they mean. `{"bad": [...]}` is refused. */
export const jsonDecoder: ResourceDecoder = {
  cluster: (bytes) => decode<Cluster>(bytes),
  loadAssignment: (bytes) => decode<LoadAssignment>(bytes),
  listener: (bytes) => decode<Listener>(bytes),
  routeConfig: (bytes) => decode<RouteConfig>(bytes),
  digest: (bytes) => {
    const read = decode<{ meshId: string; revision: number; versions: [SubscribedType, string][] }>(bytes);
    if (!read.ok) return read;
    const digest: Digest = { ...read.value, versions: new Map(read.value.versions) };
    return ok(digest);
  },
};

export function raw(type: SubscribedType, resource: object): RawResource {
  return { type, bytes: Buffer.from(JSON.stringify(resource)) };
}

function decode<T>(bytes: Uint8Array): Result<T, readonly Violation[]> {
  // The test itself wrote these bytes with `raw`.
  const read = JSON.parse(Buffer.from(bytes).toString()) as T & { readonly bad?: readonly string[] };
  return read.bad === undefined ? ok(read) : err(read.bad.map((message) => violation("field", message)));
}
