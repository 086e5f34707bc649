import { encodeResponse, encodeResponseBody } from "../../shared/wire/discovery-wire.ts";
import type { Outgoing } from "./node-session.ts";
import type { Payload } from "./payload.ts";

/** The bytes of responses. Everything but the nonce is made once per payload, however many streams send it. */
export class PayloadBytes {
  readonly #controlPlane: string;
  readonly #bodies = new WeakMap<Payload, Uint8Array>();

  /** `controlPlane` names this server in every response. */
  constructor(controlPlane: string) {
    this.#controlPlane = controlPlane;
  }

  of({ payload, nonce }: Outgoing): Buffer {
    return encodeResponse(this.#bodies.get(payload) ?? this.#encode(payload), nonce);
  }

  #encode(payload: Payload): Uint8Array {
    const body = encodeResponseBody({
      versionInfo: payload.version,
      type: payload.type,
      controlPlane: this.#controlPlane,
      entries: payload.resources.map((resource) => resource.entry),
    });
    this.#bodies.set(payload, body);
    return body;
  }
}
