import { addedNames, noNames, unionNames, type NameSet } from "./name-set.ts";

/** One request of a type, as far as the protocol's rules read it. */
export interface SubscriptionRequest {
  readonly names: NameSet;
  /** Of the response it answers; "" when it answers none. */
  readonly nonce: string;
  /** The reason of a NACK; its presence, and nothing else, makes one. */
  readonly error: string | undefined;
}

/** What a request was: the first of its type, an answer, a change of names without an answer, or too late to count. */
export type RequestKind = "first" | "ack" | "nack" | "resubscribe" | "stale";

export interface RequestOutcome {
  readonly kind: RequestKind;
  /** Names asked for now and not before: they are owed even if nothing changed, and even after a NACK. */
  readonly added: readonly string[];
}

export interface Nack {
  /** The version that was refused. */
  readonly version: string;
  readonly reason: string;
}

const NOTHING: readonly string[] = [];

/**
 * One stream's subscription to one type (state of the world; xds.md 1.3 and 1.4).
 *
 * - The first request of a type is a subscription, whatever version or nonce it states.
 * - A request with an older nonce answers a response that a newer one has replaced; it must change nothing, or a slow
 *   NACK would be charged to the wrong version. The client repeats its whole list with the newer nonce.
 * - An empty list means "all" only for listeners and clusters, and only until the first name is given on the stream.
 *
 * Pure: no time but `nowMs`.
 */
export class Subscription {
  readonly #hasWildcard: boolean;
  #isOpen = false;
  #everNamed = false;
  #names: NameSet = noNames;
  #nonce = "";
  #sentVersion = "";
  #ackedVersion = "";
  #isInFlight = false;
  #sentMs: number | undefined = undefined;
  #answeredMs: number | undefined = undefined;
  #nack: Nack | undefined = undefined;

  constructor(hasWildcard: boolean) {
    this.#hasWildcard = hasWildcard;
  }

  onRequest(request: SubscriptionRequest, nowMs: number): RequestOutcome {
    const kind = this.#kindOf(request);
    if (kind === "stale") return { kind, added: NOTHING };
    if (kind === "ack" || kind === "nack") this.#onAnswer(request.error, nowMs);
    this.#isOpen = true;
    const before = this.#names;
    const wasAll = this.wantsAll;
    this.#names = request.names;
    if (!request.names.isEmpty) this.#everNamed = true;
    // A narrowed subscription adds nothing; one that turned into a wildcard is owed everything, which the caller sees.
    const added = kind === "first" || wasAll ? NOTHING : addedNames(before, request.names);
    return { kind, added };
  }

  #kindOf(request: SubscriptionRequest): RequestKind {
    if (!this.#isOpen) return "first";
    if (request.nonce === "") return "resubscribe";
    if (request.nonce !== this.#nonce) return "stale";
    // A client may repeat its last answer to change names; grpc-js repeats the error as well (xds.md 1.3).
    if (!this.#isInFlight) return "resubscribe";
    return request.error === undefined ? "ack" : "nack";
  }

  #onAnswer(error: string | undefined, nowMs: number): void {
    this.#isInFlight = false;
    this.#answeredMs = nowMs;
    if (error !== undefined) this.#nack = { version: this.#sentVersion, reason: error };
    else {
      this.#nack = undefined;
      this.#ackedVersion = this.#sentVersion;
    }
  }

  onSent(nonce: string, version: string, nowMs: number): void {
    this.#nonce = nonce;
    this.#sentVersion = version;
    this.#sentMs = nowMs;
    this.#isInFlight = true;
  }

  /** Counts names as asked for that were sent before the node could ask: its next request will carry them. */
  expect(names: readonly string[]): void {
    this.#names = unionNames(this.#names, names);
  }

  /** The node has asked for this type on this stream. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  get wantsAll(): boolean {
    if (!this.#hasWildcard || !this.#isOpen) return false;
    return this.#names.hasStar || (this.#names.isEmpty && !this.#everNamed);
  }

  get names(): NameSet {
    return this.#names;
  }

  /** A response was sent and is neither acknowledged nor refused. */
  get isInFlight(): boolean {
    return this.#isInFlight;
  }

  get nack(): Nack | undefined {
    return this.#nack;
  }

  /** Of the last response; "" before the first. */
  get sentNonce(): string {
    return this.#nonce;
  }

  get sentVersion(): string {
    return this.#sentVersion;
  }

  get ackedVersion(): string {
    return this.#ackedVersion;
  }

  get sentMs(): number | undefined {
    return this.#sentMs;
  }

  get answeredMs(): number | undefined {
    return this.#answeredMs;
  }
}
