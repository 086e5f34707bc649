import type { Metadata } from "../generated/envoy/config/core/v3/base.ts";
import { violation, type Violation } from "../violation.ts";
import { decodeMessage, typeUrlOf, type Codec } from "./any.ts";

/** The message that metadata holds under a key of ours, or undefined; with the reason in `found` when it is damaged. */
export function readTypedMetadata<T>(
  codec: Codec<T>,
  metadata: Metadata | undefined,
  key: string,
  found: Violation[],
): T | undefined {
  const any = metadata?.typedFilterMetadata[key];
  if (any === undefined) return undefined;
  const path = typedMetadataPath(key);
  if (any.typeUrl !== typeUrlOf(codec)) {
    found.push(violation(path, `"${any.typeUrl}" is not ${typeUrlOf(codec)}`));
    return undefined;
  }
  const message = decodeMessage(codec, any.value);
  if (message.ok) return message.value;
  found.push(violation(path, message.error));
  return undefined;
}

export function typedMetadataPath(key: string): string {
  return `metadata.typed_filter_metadata["${key}"]`;
}
