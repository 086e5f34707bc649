import { Node } from "../generated/envoy/config/core/v3/base.ts";
import { DiscoveryRequest as DiscoveryRequestMessage } from "../generated/envoy/service/discovery/v3/discovery.ts";
import type { ProxyNode } from "../model/node.ts";
import { err, ok, type Result } from "../result.ts";
import { decodeMessage, encodeMessage } from "./any.ts";
import { nodeMessage, readNode } from "./node-wire.ts";
import { ProtoReader } from "./proto-reader.ts";

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
   * decode names that did not change; {@link decodeNames} decodes them.
   */
  readonly namesBytes: Buffer;
}

export interface StatusError {
  /** gRPC status code. */
  readonly code: number;
  readonly message: string;
}

// Field numbers of DiscoveryRequest, as tags; all of its fields are length-delimited.
const VERSION_INFO = (1 << 3) | 2;
const NODE = (2 << 3) | 2;
const RESOURCE_NAMES = (3 << 3) | 2;
const TYPE_URL = (4 << 3) | 2;
const RESPONSE_NONCE = (5 << 3) | 2;
const ERROR_DETAIL = (6 << 3) | 2;

const NO_NAMES = Buffer.alloc(0);

/**
 * Reads a request. `knownNames` are the `namesBytes` of an earlier one: a list that begins with them is not walked name by
 * name again. Hot: an ACK allocates its three strings and nothing per resource name. The result holds views into `bytes`.
 * The error is a sentence.
 */
export function readDiscoveryRequest(
  bytes: Uint8Array,
  knownNames: Buffer = NO_NAMES,
): Result<DiscoveryRequest, string> {
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
      if (!reader.skipKnown(knownNames, start)) reader.skip(tag);
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
