import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Cluster } from "../../../shared/generated/envoy/config/cluster/v3/cluster.ts";
import { ClusterLoadAssignment } from "../../../shared/generated/envoy/config/endpoint/v3/endpoint.ts";
import { Listener } from "../../../shared/generated/envoy/config/listener/v3/listener.ts";
import { RouteConfiguration } from "../../../shared/generated/envoy/config/route/v3/route.ts";
import { Secret } from "../../../shared/generated/envoy/extensions/transport_sockets/tls/v3/secret.ts";
import {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
} from "../../../shared/generated/envoy/service/discovery/v3/discovery.ts";
import { LoadStatsRequest } from "../../../shared/generated/envoy/service/load_stats/v3/lrs.ts";
import { RateLimitRequest, RateLimitResponse } from "../../../shared/generated/envoy/service/ratelimit/v3/rls.ts";
import { ClientConfig } from "../../../shared/generated/envoy/service/status/v3/csds.ts";
import { normalize } from "../../support/proto-json.ts";
import { decodePlain, readReference } from "../../support/proto-tree.ts";

interface Golden {
  readonly type_url: string;
  readonly json: unknown;
  readonly base64: string;
}

const codecs: ReadonlyMap<string, (bytes: Uint8Array) => Uint8Array> = new Map([
  again(Cluster),
  again(ClusterLoadAssignment),
  again(Listener),
  again(RouteConfiguration),
  again(Secret),
  again(DiscoveryRequest),
  again(DeltaDiscoveryRequest),
  again(DeltaDiscoveryResponse),
  again(LoadStatsRequest),
  again(RateLimitRequest),
  again(RateLimitResponse),
  again(ClientConfig),
]);

const reference = readReference<readonly Golden[]>("xds/golden.json");
const skip = "skip" in reference ? reference.skip : false;

describe("messages encoded with Envoy's full schema", { skip }, () => {
  const entries = "data" in reference ? reference.data : [];
  for (const [index, { type_url: typeUrl, json, base64 }] of entries.entries()) {
    const name = typeUrl.replace("type.googleapis.com/", "");
    const bytes = Buffer.from(base64, "base64");

    it(`#${index} ${name} says in our subset what its JSON says`, () => {
      assert.deepEqual(normalize(name, decodePlain(name, bytes)), normalize(name, json));
    });

    it(`#${index} ${name} keeps its content through our codec`, () => {
      const codec = codecs.get(name);
      assert.ok(codec !== undefined, `no codec for ${name}`);
      const written = codec(bytes);
      assert.equal(written.length, bytes.length);
      assert.deepEqual(decodePlain(name, written), decodePlain(name, bytes));
    });
  }
});

function again<T>(codec: {
  readonly $type: string;
  decode(bytes: Uint8Array): T;
  encode(message: T): { finish(): Uint8Array };
}): [string, (bytes: Uint8Array) => Uint8Array] {
  return [codec.$type, (bytes) => codec.encode(codec.decode(bytes)).finish()];
}
