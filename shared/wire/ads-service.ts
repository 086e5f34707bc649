import type { ServiceDefinition, MethodDefinition } from "@grpc/grpc-js";

/**
 * The ADS stream with messages as bytes: what a request means, and how a response is put together, is the business of
 * discovery-request.ts and discovery-response.ts, which a session calls when it needs to.
 */
export interface AdsService extends ServiceDefinition {
  readonly streamAggregatedResources: MethodDefinition<Buffer, Buffer>;
}

const identity = (bytes: Buffer): Buffer => bytes;

export const adsService: AdsService = {
  streamAggregatedResources: {
    path: "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources",
    requestStream: true,
    responseStream: true,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  },
};
