import { BinaryReader, type BinaryWriter } from "@bufbuild/protobuf/wire";

import type { Any } from "../generated/google/protobuf/any.ts";
import { err, ok, type Result } from "../result.ts";
import { TYPE_URL_PREFIX } from "./resource-types.ts";

/** What we need of a generated codec. */
export interface Codec<T> {
  readonly $type: string;
  encode(message: T): BinaryWriter;
  decode(input: BinaryReader | Uint8Array): T;
}

export function typeUrlOf(codec: { readonly $type: string }): string {
  return TYPE_URL_PREFIX + codec.$type;
}

export function encodeMessage<T>(codec: Codec<T>, message: T): Buffer {
  return Buffer.from(codec.encode(message).finish());
}

/** The message in an Any. `Any.value` is a Buffer because that is what the generated code wants. */
export function packAny<T>(codec: Codec<T>, message: T): Any {
  return { typeUrl: typeUrlOf(codec), value: encodeMessage(codec, message) };
}

/** Decodes, with the reason as a sentence when the bytes are no such message. */
export function decodeMessage<T>(codec: Codec<T>, bytes: Uint8Array): Result<T, string> {
  try {
    const reader = new BinaryReader(bytes);
    const message = codec.decode(reader);
    // The generated code stops in silence at the end of a group, which proto3 has not: the rest would be overlooked.
    if (reader.pos !== reader.len) return err(`not a ${codec.$type}: stray bytes at ${reader.pos}`);
    return ok(message);
  } catch (error) {
    // The generated reader throws RangeError or Error on bytes that are cut short, too deep, or no protobuf.
    return err(`not a ${codec.$type}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
