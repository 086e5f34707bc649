import type { Any } from "../generated/google/protobuf/any.ts";
import type { TransportSocket } from "../generated/envoy/config/core/v3/base.ts";
import { HttpProtocolOptions } from "../generated/envoy/extensions/upstreams/http/v3/http_protocol_options.ts";
import { violation, type Violation } from "../violation.ts";
import { decodeMessage, typeUrlOf } from "./any.ts";
import { upstreamHttpRules } from "./cluster-rules.ts";
import { join, refuseUnsupported } from "./field-rules.ts";
import { TYPE_URL_PREFIX } from "./resource-types.ts";

const RAW_BUFFER = `${TYPE_URL_PREFIX}envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer`;

/** Refuses every transport but plain TCP: a TLS context that is overlooked would send secrets in the clear. */
export function requirePlainText(socket: TransportSocket | undefined, path: string, found: Violation[]): void {
  if (socket === undefined) return;
  const typeUrl = socket.configType?.value.typeUrl ?? "";
  if (typeUrl === RAW_BUFFER) return;
  found.push(violation(path, `"${typeUrl === "" ? socket.name : typeUrl}" is not supported by Heddle`));
}

/** Refuses a cluster whose endpoints must be spoken to in HTTP/2: the proxy's hop is HTTP/1.1. */
export function requireHttp1(options: Readonly<Record<string, Any>>, path: string, found: Violation[]): void {
  for (const [key, any] of Object.entries(options)) {
    const at = `${path}["${key}"]`;
    if (any.typeUrl !== typeUrlOf(HttpProtocolOptions)) {
      found.push(violation(at, `"${any.typeUrl}" is not supported by Heddle`));
      continue;
    }
    const decoded = decodeMessage(HttpProtocolOptions, any.value);
    if (!decoded.ok) {
      found.push(violation(at, decoded.error));
      continue;
    }
    refuseUnsupported(decoded.value, upstreamHttpRules, at, found);
    const protocol = decoded.value.upstreamProtocolOptions;
    if (protocol?.$case !== "explicitHttpConfig") continue;
    if (protocol.value.protocolConfig?.$case === "httpProtocolOptions") continue;
    found.push(violation(join(at, "explicit_http_config"), "only http_protocol_options is supported by Heddle"));
  }
}
