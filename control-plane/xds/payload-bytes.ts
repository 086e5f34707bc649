import { encodeResponseBody, encodeResponseNonce } from "../../shared/wire/discovery-response.ts";
import { messageFrame } from "../grpc/message-frame.ts";
import type { Outgoing } from "./node-session.ts";
import type { Payload } from "./payload.ts";

/** Streams that went the same way count alike, so few nonces are in use for one payload. */
const FRAMES_PER_PAYLOAD_MAX = 8;

/** The bytes of one payload: all but the nonce, and whole frames by nonce. */
class PayloadFrames {
  readonly #body: Uint8Array;
  readonly #frames = new Map<string, Buffer>();

  constructor(body: Uint8Array) {
    this.#body = body;
  }

  of(nonce: string): Buffer {
    const known = this.#frames.get(nonce);
    if (known !== undefined) return known;
    if (this.#frames.size >= FRAMES_PER_PAYLOAD_MAX) this.#frames.clear();
    const frame = messageFrame(this.#body, encodeResponseNonce(nonce));
    this.#frames.set(nonce, frame);
    return frame;
  }
}

/** The frames of responses: made once per payload and nonce, however many streams send them. */
export class PayloadBytes {
  readonly #controlPlane: string;
  readonly #payloads = new WeakMap<Payload, PayloadFrames>();

  /** `controlPlane` names this server in every response. */
  constructor(controlPlane: string) {
    this.#controlPlane = controlPlane;
  }

  of({ payload, nonce }: Outgoing): Buffer {
    return (this.#payloads.get(payload) ?? this.#encode(payload)).of(nonce);
  }

  #encode(payload: Payload): PayloadFrames {
    const body = encodeResponseBody({
      versionInfo: payload.version,
      type: payload.type,
      controlPlane: this.#controlPlane,
      entries: payload.resources.map((resource) => resource.entry),
    });
    const frames = new PayloadFrames(body);
    this.#payloads.set(payload, frames);
    return frames;
  }
}
