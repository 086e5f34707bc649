/**
 * Many xDS clients in one process, as light as they can be: raw HTTP/2, requests made of parts that were encoded once.
 * Each has its own TCP connection, asks for all four types and acknowledges everything. Driven over Node's IPC channel.
 */
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";

import { adsService } from "../../shared/wire/ads-service.ts";
import { encodeDiscoveryRequest } from "../../shared/wire/discovery-request.ts";
import { ProtoReader } from "../../shared/wire/proto-reader.ts";
import { resourceTypeOf, typeUrls, type ResourceType } from "../../shared/wire/resource-types.ts";

export type SwarmCommand =
  | { readonly kind: "connect"; readonly address: string; readonly streams: number; readonly names: readonly string[] }
  | { readonly kind: "expect"; readonly type: ResourceType }
  | { readonly kind: "close" };

export type SwarmReport =
  /** Every stream has acknowledged something of every type. */
  | { readonly kind: "ready" }
  /** When each stream received the expected response: CLOCK_MONOTONIC in ms. */
  | { readonly kind: "received"; readonly atMs: readonly number[] }
  | { readonly kind: "lost"; readonly reason: string };

const TYPES = ["clusters", "endpoints", "listeners", "routes"] as const;

const state = {
  clients: [] as Client[],
  expected: undefined as ResourceType | undefined,
  atMs: [] as number[],
  ready: 0,
  isClosing: false,
};

export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function report(message: SwarmReport): void {
  process.send?.(message);
}

/** The part of a type's answer that never changes: names and type. */
const answers = new Map<ResourceType, Buffer>();
const firsts = new Map<ResourceType, Buffer>();

function prepare(names: readonly string[]): void {
  const asked = { clusters: [], endpoints: names, listeners: [], routes: ["outbound"] };
  for (const type of TYPES) {
    const base = { versionInfo: "", names: asked[type], typeUrl: typeUrls[type], responseNonce: "", error: undefined };
    answers.set(type, encodeDiscoveryRequest({ ...base, node: undefined }));
    firsts.set(type, encodeDiscoveryRequest({ ...base, node: undefined }));
  }
}

/** A gRPC message: five bytes of framing, then the parts. */
function frame(...parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, ...parts]);
}

function field(tag: number, text: string): Buffer {
  return Buffer.concat([Buffer.from([tag, text.length]), Buffer.from(text)]);
}

class Client {
  readonly #session: ClientHttp2Session;
  readonly #stream: ClientHttp2Stream;
  #pending: Buffer = Buffer.alloc(0);
  #parts: Buffer[] = [];
  #bytes = 0;
  readonly #seen = new Set<ResourceType>();

  constructor(address: string, index: number) {
    this.#session = connect(`http://${address}`);
    this.#session.on("error", (error) => this.#lost(error.message));
    const path = adsService.streamAggregatedResources.path;
    const headers = { ":method": "POST", ":path": path, te: "trailers", "content-type": "application/grpc" };
    this.#stream = this.#session.request(headers, { endStream: false });
    this.#stream.on("data", (chunk: Buffer) => this.#onData(chunk));
    this.#stream.on("error", (error) => this.#lost(error.message));
    this.#stream.on("close", () => this.#lost("closed"));
    const node = {
      id: `node-${index}`,
      kind: "heddle",
      service: "svc-0",
      version: "",
      inbound: undefined,
      outbound: undefined,
      admin: undefined,
      snapshotSource: "none",
    } as const;
    const hello = { versionInfo: "", names: [], typeUrl: typeUrls.clusters, responseNonce: "", error: undefined };
    this.#stream.write(frame(encodeDiscoveryRequest({ ...hello, node })));
    for (const type of TYPES.slice(1)) this.#stream.write(frame(firsts.get(type) ?? Buffer.alloc(0)));
  }

  close(): void {
    this.#session.destroy();
  }

  #lost(reason: string): void {
    if (state.isClosing) return;
    state.isClosing = true;
    report({ kind: "lost", reason });
  }

  #onData(chunk: Buffer): void {
    this.#parts.push(chunk);
    this.#bytes += chunk.length;
    for (;;) {
      const head = this.#parts[0];
      if (head === undefined || this.#bytes < 5) return;
      if (head.length < 5) this.#join();
      const length = 5 + (this.#parts[0]?.readUInt32BE(1) ?? 0);
      if (this.#bytes < length) return;
      this.#join();
      const whole = this.#pending;
      this.#onMessage(whole.subarray(5, length));
      const rest = whole.subarray(length);
      this.#parts = rest.length === 0 ? [] : [rest];
      this.#bytes = rest.length;
    }
  }

  #join(): void {
    const [only] = this.#parts;
    this.#pending = this.#parts.length === 1 && only !== undefined ? only : Buffer.concat(this.#parts);
    this.#parts = [this.#pending];
  }

  #onMessage(message: Buffer): void {
    let [version, nonce] = ["", ""];
    let type: ResourceType | undefined;
    const reader = new ProtoReader(message);
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag === 10) version = reader.string();
      else if (tag === 34) type = resourceTypeOf(reader.string());
      else if (tag === 42) nonce = reader.string();
      else reader.skip(tag);
    }
    if (type === undefined) return;
    this.#stream.write(frame(answers.get(type) ?? Buffer.alloc(0), field(10, version), field(42, nonce)));
    if (state.expected === type) {
      state.atMs.push(monotonicMs());
      if (state.atMs.length === state.clients.length) {
        report({ kind: "received", atMs: state.atMs });
        state.expected = undefined;
      }
    }
    if (this.#seen.size === TYPES.length) return;
    this.#seen.add(type);
    if (this.#seen.size === TYPES.length && (state.ready += 1) === state.clients.length) report({ kind: "ready" });
  }
}

async function connectAll(command: Extract<SwarmCommand, { kind: "connect" }>): Promise<void> {
  prepare(command.names);
  state.ready = 0;
  state.isClosing = false;
  const clients: Client[] = [];
  state.clients = Array.from({ length: command.streams });
  for (let index = 0; index < command.streams; index += 1) {
    clients.push(new Client(command.address, index));
    // A listen queue is finite; real proxies do not all start within one millisecond either.
    if (index % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
  }
  state.clients = clients;
}

process.on("message", (command: SwarmCommand) => {
  if (command.kind === "connect") void connectAll(command);
  else if (command.kind === "expect") {
    state.expected = command.type;
    state.atMs = [];
  } else {
    state.isClosing = true;
    for (const client of state.clients) client.close();
    report({ kind: "ready" });
  }
});
