import { BinaryWriter } from "@bufbuild/protobuf/wire";

import { Node } from "../generated/envoy/config/core/v3/base.ts";
import {
  DiscoveryRequest as DiscoveryRequestMessage,
  DiscoveryResponse as DiscoveryResponseMessage,
} from "../generated/envoy/service/discovery/v3/discovery.ts";
import type { ProxyNode } from "../model/node.ts";
import { err, ok, type Result } from "../result.ts";
import { decodeMessage, encodeMessage } from "./any.ts";
import { nodeMessage, readNode } from "./node-wire.ts";
import { ProtoReader } from "./proto-reader.ts";
import { typeUrls, type ResourceType } from "./resource-types.ts";

/** A subscription or an answer, as a server reads it. */
export interface DiscoveryRequest {
  readonly versionInfo: string;
  readonly typeUrl: string;
  readonly responseNonce: string;
  /** Undefined on the later requests of most clients. */
  readonly node: ProxyNode | undefined;
  /** Its presence makes the request a NACK. */
  readonly error: StatusError | undefined;
  /**
   * The encoded resource names. Equal bytes are an equal subscription, so a server that keeps the last ones need not
   * decode names that did not change: `names` does that.
   */
  readonly namesBytes: Buffer;
}

export interface StatusError {
  /** gRPC status code. */
  readonly code: number;
  readonly message: string;
}

// Tags of DiscoveryRequest: field number and wire type; all of its fields are length-delimited.
const VERSION_INFO = (1 << 3) | 2;
const NODE = (2 << 3) | 2;
const RESOURCE_NAMES = (3 << 3) | 2;
const TYPE_URL = (4 << 3) | 2;
const RESPONSE_NONCE = (5 << 3) | 2;
const ERROR_DETAIL = (6 << 3) | 2;

/**
 * Reads a request. Hot: an ACK allocates its three strings and nothing per resource name. The result holds views into
 * `bytes`. The error is a sentence.
 */
export function readDiscoveryRequest(bytes: Uint8Array): Result<DiscoveryRequest, string> {
  const reader = new ProtoReader(bytes);
  const fields = { versionInfo: "", typeUrl: "", responseNonce: "" };
  const spans: number[] = [];
  let node: ProxyNode | undefined;
  let error: StatusError | undefined;
  for (let start = 0, tag = reader.tag(); tag !== 0; start = reader.position, tag = reader.tag()) {
    if (tag === VERSION_INFO) fields.versionInfo = reader.string();
    else if (tag === TYPE_URL) fields.typeUrl = reader.string();
    else if (tag === RESPONSE_NONCE) fields.responseNonce = reader.string();
    else if (tag === RESOURCE_NAMES) {
      reader.view();
      extend(spans, start, reader.position);
    } else if (tag === NODE) {
      const message = decodeMessage(Node, reader.view());
      if (!message.ok) return message;
      node = readNode(message.value);
    } else if (tag === ERROR_DETAIL) {
      const status = readStatus(reader.view());
      if (status === undefined) return err("error_detail is no google.rpc.Status");
      error = status;
    } else reader.skip(tag);
  }
  if (reader.failed) return err("not an envoy.service.discovery.v3.DiscoveryRequest");
  return ok({ ...fields, node, error, namesBytes: slices(bytes, spans) });
}

/** The names in `namesBytes` of a request, in the order sent. */
export function decodeNames(namesBytes: Uint8Array): string[] {
  const reader = new ProtoReader(namesBytes);
  const names: string[] = [];
  while (reader.tag() === RESOURCE_NAMES) names.push(reader.string());
  return names;
}

/** What a client says; the server's view of it is {@link DiscoveryRequest}. */
export interface RequestFields {
  readonly versionInfo: string;
  readonly node: ProxyNode | undefined;
  readonly names: readonly string[];
  readonly typeUrl: string;
  readonly responseNonce: string;
  readonly error: StatusError | undefined;
}

export function encodeDiscoveryRequest(request: RequestFields): Buffer {
  return encodeMessage(
    DiscoveryRequestMessage,
    DiscoveryRequestMessage.fromPartial({
      versionInfo: request.versionInfo,
      ...(request.node === undefined ? {} : { node: nodeMessage(request.node) }),
      resourceNames: [...request.names],
      typeUrl: request.typeUrl,
      responseNonce: request.responseNonce,
      ...(request.error === undefined ? {} : { errorDetail: { ...request.error, details: [] } }),
    }),
  );
}

/** Joins neighbouring ranges, so that the usual run of names is one. */
function extend(spans: number[], start: number, end: number): void {
  if (spans.at(-1) === start) spans[spans.length - 1] = end;
  else spans.push(start, end);
}

function slices(bytes: Uint8Array, spans: readonly number[]): Buffer {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (spans.length <= 2) return whole.subarray(spans[0] ?? 0, spans[1] ?? 0);
  const parts: Buffer[] = [];
  for (let index = 0; index < spans.length; index += 2) parts.push(whole.subarray(spans[index], spans[index + 1]));
  return Buffer.concat(parts);
}

function readStatus(bytes: Uint8Array): StatusError | undefined {
  const reader = new ProtoReader(bytes);
  let [code, message] = [0, ""];
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    // google.rpc.Status: 1 code (varint), 2 message.
    if (tag === 8) code = reader.varint() | 0;
    else if (tag === 18) message = reader.string();
    else reader.skip(tag);
  }
  return reader.failed ? undefined : { code, message };
}

// Tags of DiscoveryResponse, beside version_info (1) and type_url (4), which have the numbers they have in a request.
const RESOURCES = (2 << 3) | 2;
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
 * The bytes of a DiscoveryResponse. Hot: once per stream and response, one copy of the body. The order of fields on the
 * wire is free, so the nonce may come last. A nonce is at most 127 bytes of ASCII.
 */
export function encodeResponse(body: Uint8Array, nonce: string): Buffer {
  const length = nonce.length;
  const bytes = Buffer.allocUnsafe(body.length + 2 + length);
  bytes.set(body, 0);
  bytes[body.length] = NONCE;
  bytes[body.length + 1] = length;
  bytes.write(nonce, body.length + 2, length, "latin1");
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
