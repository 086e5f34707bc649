import { Client, credentials, type ClientDuplexStream } from "@grpc/grpc-js";

import { formatAddress, type Address } from "../../shared/address.ts";
import { jitterAboveMs } from "../../shared/backoff.ts";
import type { Clock } from "../../shared/clock.ts";
import {
  RECONNECT_MAX_MS,
  RECONNECT_MIN_MS,
  XDS_KEEPALIVE_MS,
  XDS_KEEPALIVE_TIMEOUT_MS,
} from "../../shared/defaults.ts";
import { XDS_RESPONSE_BYTES_MAX } from "../../shared/limits.ts";
import type { ProxyNode } from "../../shared/model/node.ts";
import type { Random } from "../../shared/random.ts";
import type { Timer, Timers } from "../../shared/timers.ts";
import { adsService } from "../../shared/wire/ads-service.ts";
import { encodeDiscoveryRequest } from "../../shared/wire/discovery-request.ts";
import { decodeDiscoveryResponse } from "../../shared/wire/discovery-response.ts";
import { resourceTypeOf, typeUrls } from "../../shared/wire/resource-types.ts";
import type { ClientSession } from "./client-session.ts";
import { isSubscribed, type SessionRequest, type SessionResponse } from "./discovery-message.ts";
import type { DiscoveryLink } from "./discovery-link.ts";
import type { Activation, Outcome, Refused } from "./session-outcome.ts";

/** What the rest of the proxy hears of the stream. */
export interface DiscoveryEvents<T> {
  /** Swap now: the ACK leaves when this returns, or when the promise settles. It must not reject. */
  onActivated(activation: Activation<T>): Promise<void> | undefined;
  onRefused(refused: Refused): void;
  /** The first answer on a stream. */
  onConnected(address: string): void;
  /** A stream ended, or none could be opened; the next try comes after `retryMs`. */
  onDisconnected(reason: string, retryMs: number): void;
}

export interface DiscoveryClientOptions<T> {
  /** Tried in turn: the next one after a stream that brought nothing. At least one. */
  readonly addresses: readonly Address[];
  readonly session: ClientSession<T>;
  /** How the proxy introduces itself, asked once per stream. */
  readonly node: () => ProxyNode;
  readonly events: DiscoveryEvents<T>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
}

/** Room for what surrounds the resources of a response. */
const ENVELOPE_BYTES_MAX = 1024 * 1024;

/** google.rpc.Code: what Envoy puts into a NACK. */
const INTERNAL = 13;

/**
 * Keeps one discovery stream open: feeds responses to the session, sends what it says, reconnects with jitter. Each
 * stream has a channel of its own, so that no back-off but ours decides when to try again. All rules are the session's.
 */
export class DiscoveryClient<T> implements DiscoveryLink {
  readonly #options: DiscoveryClientOptions<T>;
  #channel: Client | undefined = undefined;
  #stream: ClientDuplexStream<Buffer, Buffer> | undefined = undefined;
  #node: ProxyNode | undefined = undefined;
  #address = "";
  #isAnswered = false;
  #addressIndex = 0;
  #failures = 0;
  #wake: Timer | undefined = undefined;
  #retry: Timer | undefined = undefined;
  #lastError = "";
  #isStopped = false;
  /** What was put in use last, while it is not in use everywhere. */
  #swapping: Promise<void> | undefined = undefined;

  constructor(options: DiscoveryClientOptions<T>) {
    this.#options = options;
  }

  /** A stream is open and has brought an answer. */
  get isConnected(): boolean {
    return this.#stream !== undefined && this.#isAnswered;
  }

  /** Of the last stream, `host:port`. */
  get address(): string {
    return this.#address;
  }

  /** Why the last stream ended; "" while one is open and answered. */
  get lastError(): string {
    return this.#lastError;
  }

  start(): void {
    const { addresses, session, node, clock } = this.#options;
    const address = addresses[this.#addressIndex % addresses.length];
    if (this.#isStopped || address === undefined) return;
    this.#address = formatAddress(address);
    this.#isAnswered = false;
    this.#node = node();
    this.#channel = new Client(this.#address, credentials.createInsecure(), {
      "grpc.max_receive_message_length": XDS_RESPONSE_BYTES_MAX + ENVELOPE_BYTES_MAX,
      "grpc.keepalive_time_ms": XDS_KEEPALIVE_MS,
      "grpc.keepalive_timeout_ms": XDS_KEEPALIVE_TIMEOUT_MS,
      "grpc.use_local_subchannel_pool": 1,
      "grpc.enable_retries": 0,
      "grpc.service_config_disable_resolution": 1,
    });
    const { path, requestSerialize, responseDeserialize } = adsService.streamAggregatedResources;
    const stream = this.#channel.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    this.#stream = stream;
    stream.on("data", (bytes: Buffer) => this.#onMessage(stream, bytes));
    stream.on("error", (error: Error) => this.#onEnded(stream, inWords(error)));
    stream.on("end", () => this.#onEnded(stream, "the control plane ended the stream"));
    this.#carryOut(session.onOpened(clock.nowMs()));
  }

  /** Opens a new stream at once: the first request of a stream is the only one that says who this proxy is. */
  reintroduce(): void {
    if (this.#isStopped) return;
    this.#retry?.cancel();
    this.#close();
    this.#options.session.onClosed();
    this.start();
  }

  stop(): void {
    this.#isStopped = true;
    this.#retry?.cancel();
    this.#close();
  }

  #onMessage(stream: ClientDuplexStream<Buffer, Buffer>, bytes: Buffer): void {
    if (stream !== this.#stream) return;
    const response = decodeDiscoveryResponse(bytes);
    if (!response.ok) return this.#onEnded(stream, response.error);
    const type = resourceTypeOf(response.value.typeUrl);
    if (!isSubscribed(type)) return; // Nobody asked; Envoy stays silent as well (xds.md 1.10).
    if (!this.#isAnswered) {
      this.#isAnswered = true;
      this.#lastError = "";
      this.#options.events.onConnected(this.#address);
    }
    const { versionInfo, nonce, controlPlane, resources } = response.value;
    const message: SessionResponse = {
      type,
      version: versionInfo,
      nonce,
      server: controlPlane,
      resources: resources.map(({ typeUrl, value }) => {
        const own = resourceTypeOf(typeUrl);
        return { type: isSubscribed(own) ? own : undefined, bytes: value };
      }),
    };
    const outcome = this.#options.session.onResponse(message, this.#options.clock.nowMs());
    if (outcome.refused === undefined && outcome.reconnect === undefined) this.#failures = 0;
    this.#carryOut(outcome);
  }

  #carryOut(outcome: Outcome<T>): void {
    const { events } = this.#options;
    const swapping = outcome.activate === undefined ? undefined : events.onActivated(outcome.activate);
    if (outcome.refused !== undefined) events.onRefused(outcome.refused);
    if (swapping === undefined && this.#swapping === undefined) this.#answer(outcome);
    else this.#answerAfter(swapping, outcome);
  }

  /** Answers leave in the order of the responses, each after the swaps up to its own. */
  #answerAfter(swapping: Promise<void> | undefined, outcome: Outcome<T>): void {
    const stream = this.#stream;
    const turn = Promise.all([this.#swapping, swapping]).then(() => {
      if (this.#swapping === turn) this.#swapping = undefined;
      // On another stream they would answer what was never asked there.
      if (stream === this.#stream) this.#answer(outcome);
    });
    this.#swapping = turn;
  }

  #answer(outcome: Outcome<T>): void {
    for (const request of outcome.requests) this.#send(request);
    if (outcome.reconnect !== undefined && this.#stream !== undefined) this.#onEnded(this.#stream, outcome.reconnect);
    this.#scheduleWake();
  }

  #send({ type, version, nonce, names, reason }: SessionRequest): void {
    this.#stream?.write(
      encodeDiscoveryRequest({
        versionInfo: version,
        node: this.#node,
        names,
        typeUrl: typeUrls[type],
        responseNonce: nonce,
        error: reason === "" ? undefined : { code: INTERNAL, message: reason },
      }),
    );
    // Only the first request of a stream says who asks.
    this.#node = undefined;
  }

  #onEnded(stream: ClientDuplexStream<Buffer, Buffer>, reason: string): void {
    if (stream !== this.#stream) return;
    const { session, events, timers, random } = this.#options;
    if (!this.#isAnswered) this.#addressIndex += 1;
    this.#close();
    session.onClosed();
    this.#lastError = reason;
    this.#failures += 1;
    const retryMs = jitterAboveMs(this.#failures, RECONNECT_MIN_MS, RECONNECT_MAX_MS, random.unit());
    events.onDisconnected(reason, retryMs);
    this.#retry = timers.after(retryMs, () => this.start());
  }

  #close(): void {
    this.#wake?.cancel();
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.cancel();
    this.#channel?.close();
    this.#channel = undefined;
  }

  #scheduleWake(): void {
    const { session, clock, timers } = this.#options;
    this.#wake?.cancel();
    const wakeMs = session.nextWakeMs();
    if (wakeMs === undefined || this.#stream === undefined) return;
    const delayMs = Math.max(1, wakeMs - clock.nowMs());
    this.#wake = timers.after(delayMs, () => this.#carryOut(session.onTick(clock.nowMs())));
  }
}

/** Without what gRPC adds for itself: `14 UNAVAILABLE: No connection established. Last error: ... Resolution note: `. */
function inWords(error: Error): string {
  return error.message
    .replace(/^\d+ [A-Z_]+: /, "")
    .replace(/^No connection established\. Last error: (Error: )?/, "")
    .replace(/\.? *Resolution note: *$/, "");
}
