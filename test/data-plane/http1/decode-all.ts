/** Runs bytes through a decoder in chosen pieces and tells, as plain data, what came out. */

import assert from "node:assert/strict";
import type { BodySink, CodecFailure, RequestHead, ResponseHead } from "../../../data-plane/http1/message.ts";
import { RequestDecoder, type RequestDecoderOptions } from "../../../data-plane/http1/request-decoder.ts";
import { ResponseDecoder } from "../../../data-plane/http1/response-decoder.ts";

export interface Decoded<Head> {
  readonly messages: readonly { readonly head: Head; readonly body: string; readonly trailers: readonly string[] }[];
  /** "more": the bytes ended inside a message or between two; "closed": a message ended the connection; else the failure. */
  readonly end: "more" | "closed" | CodecFailure;
  /** Bytes used by complete messages. */
  readonly used: number;
  /** Whether the last message's head is complete. */
  readonly bodyBegun: boolean;
}

class Collector implements BodySink {
  text = "";
  onBody(bytes: Buffer, start: number, end: number): void {
    this.text += bytes.toString("latin1", start, end);
  }
}

/** Pieces of `bytes` cut before each offset of `cuts`, each in memory of its own. */
export function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const ends = [...cuts, bytes.length];
  let start = 0;
  return ends.map((end) => {
    const piece = Buffer.from(bytes.subarray(start, end));
    start = end;
    return piece;
  });
}

export function everyByte(bytes: Buffer): number[] {
  return Array.from({ length: Math.max(0, bytes.length - 1) }, (_, i) => i + 1);
}

export function decodeRequests(chunks: readonly Buffer[], options: RequestDecoderOptions = {}): Decoded<RequestHead> {
  const decoder = new RequestDecoder(options);
  const messages: { head: RequestHead; body: string; trailers: string[] }[] = [];
  let collector = new Collector();
  let used = 0;
  let offset = 0;
  let bodyBegun = false;
  for (const chunk of chunks) {
    let at = 0;
    for (;;) {
      at = decoder.read(chunk, at, chunk.length, collector);
      if (decoder.failure !== undefined) return { messages, end: decoder.failure, used, bodyBegun };
      if (decoder.step === "need-more") break;
      bodyBegun = true;
      if (decoder.step !== "done") continue;
      messages.push({ head: decoder.head, body: collector.text, trailers: decoder.trailers });
      used = offset + at;
      bodyBegun = false;
      collector = new Collector();
      if (!decoder.head.keepAlive) return { messages, end: "closed", used, bodyBegun };
      decoder.reset();
      if (at === chunk.length) break;
    }
    offset += chunk.length;
    // Whoever still points into a chunk after the call gets nonsense.
    chunk.fill(0xfe);
  }
  return { messages, end: "more", used, bodyBegun };
}

export interface ResponseRun {
  readonly method?: string;
  readonly upgrade?: string;
  readonly eof?: boolean;
}

/** Informational heads come as messages of their own, without a body. Stops after one final response. */
export function decodeResponse(chunks: readonly Buffer[], run: ResponseRun = {}): Decoded<ResponseHead> {
  const decoder = new ResponseDecoder();
  decoder.begin(run.method ?? "GET", run.upgrade ?? "");
  const messages: { head: ResponseHead; body: string; trailers: string[] }[] = [];
  const collector = new Collector();
  let used = 0;
  let bodyBegun = false;
  const finish = (): Decoded<ResponseHead> => {
    messages.push({ head: decoder.head, body: collector.text, trailers: decoder.trailers });
    return { messages, end: decoder.head.keepAlive ? "more" : "closed", used, bodyBegun: false };
  };
  for (const chunk of chunks) {
    let at = 0;
    for (;;) {
      const stop = decoder.read(chunk, at, chunk.length, collector);
      used += stop - at;
      at = stop;
      if (decoder.failure !== undefined) return { messages, end: decoder.failure, used, bodyBegun };
      if (decoder.step === "need-more") break;
      if (decoder.step === "done") return finish();
      const informational = decoder.head.status < 200 && decoder.head.status !== 101;
      if (informational) messages.push({ head: decoder.head, body: "", trailers: [] });
      else bodyBegun = true;
    }
    chunk.fill(0xfe);
  }
  if (run.eof === true) {
    if (decoder.atEof() === "done") return finish();
    return { messages, end: decoder.failure ?? "more", used, bodyBegun };
  }
  return { messages, end: "more", used, bodyBegun };
}

/** Checks the last message: the named fields of its head, its body, and how many bytes were used in all. */
export function assertMessage<Head extends object>(
  decoded: { messages: readonly { head: Head; body: string }[]; end: unknown; used: number },
  expected: Partial<Head>,
  body: string,
  used: number,
): void {
  assert.ok(typeof decoded.end === "string", `refused: ${JSON.stringify(decoded.end)}`);
  const message = decoded.messages.at(-1);
  assert.deepEqual(pick(message?.head, Object.keys(expected)), expected);
  assert.equal(message?.body, body);
  assert.equal(decoded.used, used);
}

export function pick(head: object | undefined, keys: readonly string[]): object {
  const all = new Map(Object.entries(head ?? {}));
  return Object.fromEntries(keys.map((key) => [key, all.get(key)]));
}

export function bytesOf(text: string): Buffer {
  return Buffer.from(text, "latin1");
}
