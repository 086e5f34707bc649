import { BinaryWriter } from "@bufbuild/protobuf/wire";

// Envoy's Bootstrap by hand, for resources that are bytes already: 1 node, 2 static_resources (1 listeners, 2 clusters),
// 3 dynamic_resources (3 ads_config), 12 admin (3 address).

/** Listeners and clusters as our encoders write them. With `ads`, listeners may ask for routes from the cluster "xds". */
export function staticBootstrap(parts: {
  readonly listeners: readonly Uint8Array[];
  readonly clusters: readonly Uint8Array[];
  readonly ads: boolean;
}): Uint8Array {
  const writer = new BinaryWriter().uint32(field(1)).fork();
  writer.uint32(field(1)).string("n").uint32(field(2)).string("web").join().uint32(field(2)).fork();
  for (const listener of parts.listeners) writer.uint32(field(1)).bytes(listener);
  for (const cluster of parts.clusters) writer.uint32(field(2)).bytes(cluster);
  writer.join();
  // Address (1 socket_address (2 address, 3 port_value 0)).
  writer.uint32(field(12)).fork().uint32(field(3)).fork().uint32(field(1)).fork();
  writer.uint32(field(2)).string("127.0.0.1").uint32(24).uint32(0).join().join().join();
  if (!parts.ads) return writer.finish();
  // ApiConfigSource: 1 api_type GRPC, 8 transport_api_version V3, 4 grpc_services (1 envoy_grpc (1 cluster_name)).
  writer.uint32(field(3)).fork().uint32(field(3)).fork().uint32(8).int32(2).uint32(64).int32(2);
  writer.uint32(field(4)).fork().uint32(field(1)).fork().uint32(field(1)).string("xds").join().join().join().join();
  return writer.finish();
}

/** The tag of a length-delimited field. */
function field(number: number): number {
  return (number << 3) | 2;
}
