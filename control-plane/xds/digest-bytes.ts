import { contentHash } from "../../shared/content-hash.ts";
import { encodeDigest } from "../../shared/wire/digest-wire.ts";
import { encodeResourceEntry, encodeResponseBody, encodeResponseNonce } from "../../shared/wire/discovery-response.ts";
import { typeUrls } from "../../shared/wire/resource-types.ts";
import { messageFrame } from "../grpc/message-frame.ts";
import { PUSHED_TYPES } from "./resource-set.ts";

interface Body {
  readonly version: string;
  readonly bytes: Uint8Array;
}

/** Few nodes differ in what they hold, so a handful of bodies serves a beat of the heart; more are made again. */
const BODIES_MAX = 1_000;

/** The heartbeat's bytes: what the server last sent to a node, repeated so that both notice when they disagree. */
export class DigestBytes {
  readonly #meshId: string;
  readonly #controlPlane: string;
  readonly #revision: () => number;
  readonly #bodies = new Map<string, Body>();
  #bodiesRevision = -1;

  constructor(meshId: string, controlPlane: string, revision: () => number) {
    this.#meshId = meshId;
    this.#controlPlane = controlPlane;
    this.#revision = revision;
  }

  /** `versions` in the order of PUSHED_TYPES; "" for a type that was never sent. */
  of(versions: readonly string[], nonce: string): { readonly version: string; readonly frame: Buffer } {
    const revision = this.#revision();
    if (revision !== this.#bodiesRevision || this.#bodies.size >= BODIES_MAX) {
      this.#bodies.clear();
      this.#bodiesRevision = revision;
    }
    const key = versions.join("\n");
    const body = this.#bodies.get(key) ?? this.#make(versions, revision);
    this.#bodies.set(key, body);
    return { version: body.version, frame: messageFrame(body.bytes, encodeResponseNonce(nonce)) };
  }

  #make(versions: readonly string[], revision: number): Body {
    const sent = new Map<string, string>();
    PUSHED_TYPES.forEach((type, index) => {
      const version = versions[index] ?? "";
      if (version !== "") sent.set(typeUrls[type], version);
    });
    const resource = encodeDigest({ meshId: this.#meshId, revision, versions: sent });
    const version = `r${revision}.${contentHash(resource)}`;
    const entries = [encodeResourceEntry("digest", resource)];
    const bytes = encodeResponseBody({
      versionInfo: version,
      type: "digest",
      controlPlane: this.#controlPlane,
      entries,
    });
    return { version, bytes };
  }
}
