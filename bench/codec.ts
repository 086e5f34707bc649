/**
 * Nanoseconds per head of the HTTP/1.1 codec, beside the parser that node:http uses (a private API: compared with, never
 * built on). Run: `node bench/codec.ts [rounds]`.
 */

import { createRequire } from "node:module";
import type { BodySink } from "../data-plane/http1/message.ts";
import { RequestDecoder } from "../data-plane/http1/request-decoder.ts";
import { ResponseDecoder } from "../data-plane/http1/response-decoder.ts";
import { requestHeadText, responseHeadText } from "../data-plane/http1/write-head.ts";

const BATCH = 20_000;
const rounds = Number(process.argv[2] ?? 9);

const SHORT = request("/api/products?page=2", ["user-agent: bench/1.0", "accept: */*"]);
const LONG = request(
  "/api/v1/reviews/17",
  Array.from({ length: 29 }, (_, i) => `X-Field-Number-${i}: value of the field ${i} `.padEnd(38, "v")),
);
const RESPONSE = Buffer.from(
  [
    "HTTP/1.1 200 OK",
    "Content-Type: application/json; charset=utf-8",
    "Content-Length: 0",
    "Date: Mon, 01 Jan 2024 00:00:00 GMT",
    "Server: origin/2.1",
    'ETag: W/"5f-Dk3v9mK1mYw8a0Jr0c1b2s3t4u5"',
    "Cache-Control: public, max-age=3600, stale-while-revalidate=60",
    "Vary: accept-encoding, origin",
    "X-Request-Id: 2b5f0f7e-8a4d-4d3a-9c57-1b7a3c9e0f11",
    "Strict-Transport-Security: max-age=63072000; includeSubDomains",
    "X-Content-Type-Options: nosniff",
    "X-Frame-Options: DENY",
    "Set-Cookie: session=0123456789abcdef0123456789abcdef; Path=/; HttpOnly; Secure",
    "Connection: keep-alive",
    "",
    "",
  ].join("\r\n"),
  "latin1",
);

const sink: BodySink = { onBody: () => undefined };

const requestDecoder = new RequestDecoder();
const decodeRequest = (bytes: Buffer) => (): number => {
  requestDecoder.reset();
  const at = requestDecoder.read(bytes, 0, bytes.length, sink);
  return requestDecoder.read(bytes, at, bytes.length, sink);
};

const responseDecoder = new ResponseDecoder();
const decodeResponse = (bytes: Buffer) => (): number => {
  responseDecoder.begin("GET");
  const at = responseDecoder.read(bytes, 0, bytes.length, sink);
  return responseDecoder.read(bytes, at, bytes.length, sink);
};

const writeRequest = (bytes: Buffer): (() => number) => {
  decodeRequest(bytes)();
  const { head } = requestDecoder;
  const target = head.path + head.query;
  const extraLines = "x-request-id: 2b5f0f7e-8a4d-4d3a-9c57-1b7a3c9e0f11\r\n";
  const fixed = { extraLines, keepAlive: true, acceptsTrailers: false, expectsContinue: false, upgrade: "" };
  const { method, authority, headers, framing, contentLength } = head;
  const out = Buffer.alloc(4096);
  return () =>
    out.write(requestHeadText({ method, target, authority, headers, framing, contentLength, ...fixed }), "latin1");
};

const writeResponse = (bytes: Buffer): (() => number) => {
  decodeResponse(bytes)();
  const { status, reason, headers, framing, contentLength } = responseDecoder.head;
  const fixed = { extraLines: "", keepAlive: true, toHttp10: false, upgrade: "" };
  const out = Buffer.alloc(4096);
  return () => out.write(responseHeadText({ status, reason, headers, framing, contentLength, ...fixed }), "latin1");
};

measure(`decode GET, 3 fields (${SHORT.length} bytes)`, decodeRequest(SHORT), nodeParser(SHORT, "REQUEST"));
measure(`decode GET, 30 fields (${LONG.length} bytes)`, decodeRequest(LONG), nodeParser(LONG, "REQUEST"));
measure(`decode response (${RESPONSE.length} bytes)`, decodeResponse(RESPONSE), nodeParser(RESPONSE, "RESPONSE"));
measure("write GET, 3 fields", writeRequest(SHORT));
measure("write GET, 30 fields", writeRequest(LONG));
measure("write response", writeResponse(RESPONSE));

function request(target: string, lines: readonly string[]): Buffer {
  const head = [`GET ${target} HTTP/1.1`, "Host: reviews.default.svc:9080", ...lines, "", ""];
  return Buffer.from(head.join("\r\n"), "latin1");
}

/** The same bytes through node's own parser, with callbacks that take the head and no more; `undefined` if unreachable. */
function nodeParser(bytes: Buffer, type: "REQUEST" | "RESPONSE"): (() => number) | undefined {
  const HTTPParser = reachNodeParser();
  if (HTTPParser === undefined) return undefined;
  const parser = new HTTPParser();
  let heads = 0;
  const onHead = (): number => {
    heads += 1;
    return 0;
  };
  return () => {
    parser.initialize(HTTPParser[type], {});
    parser[HTTPParser.kOnHeadersComplete] = onHead;
    parser.execute(bytes, 0, bytes.length);
    return heads;
  };
}

interface NodeParser {
  [callback: number]: () => number;
  initialize(type: number, resource: object): void;
  execute(bytes: Buffer, start: number, length: number): number | Error;
}

interface NodeParserClass {
  new (): NodeParser;
  readonly REQUEST: number;
  readonly RESPONSE: number;
  readonly kOnHeadersComplete: number;
}

function reachNodeParser(): NodeParserClass | undefined {
  try {
    const found: { HTTPParser?: NodeParserClass } = createRequire(import.meta.url)("_http_common");
    return found.HTTPParser;
  } catch (error) {
    process.stdout.write(`node's parser cannot be reached: ${String(error)}\n`);
    return undefined;
  }
}

function measure(name: string, own: () => number, nodes?: () => number): void {
  const ours = median(own);
  const theirs = nodes === undefined ? "" : `   node ${median(nodes).toFixed(0).padStart(6)} ns`;
  process.stdout.write(`${name.padEnd(36)} ${ours.toFixed(0).padStart(6)} ns${theirs}\n`);
}

/** The median of `rounds` batches, after two that warm up. */
function median(run: () => number): number {
  const samples: number[] = [];
  let used = 0;
  for (let round = -2; round < rounds; round += 1) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < BATCH; i += 1) used += run();
    if (round >= 0) samples.push(Number(process.hrtime.bigint() - start) / BATCH);
  }
  if (used === 0) throw new Error("the benchmark did nothing");
  return samples.sort((a, b) => a - b)[Math.floor(samples.length / 2)] ?? 0;
}
