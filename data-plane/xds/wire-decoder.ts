import { ok } from "../../shared/result.ts";
import { decodeCluster } from "../../shared/wire/cluster-wire.ts";
import { decodeDigest } from "../../shared/wire/digest-wire.ts";
import { decodeLoadAssignment } from "../../shared/wire/endpoint-wire.ts";
import { decodeListener } from "../../shared/wire/listener-wire.ts";
import { resourceTypeOf } from "../../shared/wire/resource-types.ts";
import { decodeRouteConfig } from "../../shared/wire/route-wire.ts";
import { isSubscribed, type ResourceDecoder, type SubscribedType } from "./discovery-message.ts";

/** Protobuf to the model. */
export const wireDecoder: ResourceDecoder = {
  cluster: decodeCluster,
  loadAssignment: decodeLoadAssignment,
  listener: decodeListener,
  routeConfig: decodeRouteConfig,
  digest: (bytes) => {
    const digest = decodeDigest(bytes);
    if (!digest.ok) return digest;
    const versions = new Map<SubscribedType, string>();
    for (const [typeUrl, version] of digest.value.versions) {
      const type = resourceTypeOf(typeUrl);
      if (isSubscribed(type)) versions.set(type, version);
    }
    return ok({ ...digest.value, versions });
  },
};
