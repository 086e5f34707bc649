import type { Metadata } from "../generated/envoy/config/core/v3/base.ts";
import { violation, type Violation } from "../violation.ts";
import { decodeMessage, typeUrlOf, type Codec } from "./any.ts";
import { join } from "./field-rules.ts";

/** Whose metadata, by path, and the key in it. */
export interface MetadataPlace {
  readonly key: string;
  readonly path: string;
}

/** The message that metadata holds under a key of ours, or undefined; with the reason in `found` when it is damaged. */
export function readTypedMetadata<T>(
  codec: Codec<T>,
  metadata: Metadata | undefined,
  { key, path }: MetadataPlace,
  found: Violation[],
): T | undefined {
  const any = metadata?.typedFilterMetadata[key];
  if (any === undefined) return undefined;
  const at = typedMetadataPath({ key, path });
  if (any.typeUrl !== typeUrlOf(codec)) {
    found.push(violation(at, `"${any.typeUrl}" is not ${typeUrlOf(codec)}`));
    return undefined;
  }
  const message = decodeMessage(codec, any.value);
  if (message.ok) return message.value;
  found.push(violation(at, message.error));
  return undefined;
}

export function typedMetadataPath({ key, path }: MetadataPlace): string {
  return join(path, `metadata.typed_filter_metadata["${key}"]`);
}
