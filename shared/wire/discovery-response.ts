import { BinaryWriter } from "@bufbuild/protobuf/wire";

import { DiscoveryResponse as DiscoveryResponseMessage } from "../generated/envoy/service/discovery/v3/discovery.ts";
import { err, ok, type Result } from "../result.ts";
import { decodeMessage } from "./any.ts";
import { typeUrls, type ResourceType } from "./resource-types.ts";

// Tags of DiscoveryResponse; all of these fields are length-delimited.
const VERSION_INFO = (1 << 3) | 2;
const RESOURCES = (2 << 3) | 2;
const TYPE_URL = (4 << 3) | 2;
const NONCE = (5 << 3) | 2;
const CONTROL_PLANE = (6 << 3) | 2;
// Tags of google.protobuf.Any and of ControlPlane.identifier.
const ANY_TYPE_URL = (1 << 3) | 2;
const ANY_VALUE = (2 << 3) | 2;
const IDENTIFIER = (1 << 3) | 2;

/**
 * One resource as it stands in a response: the field `resources` with its Any. Made once per content and shared by
 * every response that carries the resource.
 */
export function encodeResourceEntry(type: ResourceType, value: Uint8Array): Buffer {
  const any = new BinaryWriter().uint32(RESOURCES).fork().uint32(ANY_TYPE_URL).string(typeUrls[type]);
  // Like every proto3 field, an empty value is left out.
  if (value.length > 0) any.uint32(ANY_VALUE).bytes(value);
  return Buffer.from(any.join().finish());
}

export interface ResponseBody {
  readonly versionInfo: string;
  readonly type: ResourceType;
  /** Names the server in the client's logs. */
  readonly controlPlane: string;
  /** From {@link encodeResourceEntry}, in the order to send. */
  readonly entries: readonly Uint8Array[];
}

/** Everything of a response but its nonce, once for all streams that get the same content. */
export function encodeResponseBody(body: ResponseBody): Buffer {
  const head = new BinaryWriter()
    .uint32(VERSION_INFO)
    .string(body.versionInfo)
    .uint32(TYPE_URL)
    .string(typeUrls[body.type]);
  head.uint32(CONTROL_PLANE).fork().uint32(IDENTIFIER).string(body.controlPlane).join();
  return Buffer.concat([head.finish(), ...body.entries]);
}

/**
 * What follows the body of {@link encodeResponseBody} to make it a whole DiscoveryResponse: the order of fields on the wire
 * is free, so the only part that is one stream's own may come last. A nonce is at most 127 bytes of ASCII.
 */
export function encodeResponseNonce(nonce: string): Buffer {
  const bytes = Buffer.allocUnsafe(2 + nonce.length);
  bytes[0] = NONCE;
  bytes[1] = nonce.length;
  bytes.write(nonce, 2, "latin1");
  return bytes;
}

/** A response, as a client reads it. */
export interface DiscoveryResponse {
  readonly versionInfo: string;
  readonly typeUrl: string;
  readonly nonce: string;
  readonly controlPlane: string;
  /** Their values are views into the message. */
  readonly resources: readonly { readonly typeUrl: string; readonly value: Uint8Array }[];
}

export function decodeDiscoveryResponse(bytes: Uint8Array): Result<DiscoveryResponse, string> {
  const message = decodeMessage(DiscoveryResponseMessage, bytes);
  if (!message.ok) return err(message.error);
  const { versionInfo, typeUrl, nonce, resources, controlPlane } = message.value;
  return ok({ versionInfo, typeUrl, nonce, controlPlane: controlPlane?.identifier ?? "", resources });
}
