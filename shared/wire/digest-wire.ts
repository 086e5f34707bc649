import { Digest as DigestMessage } from "../generated/heddle/discovery/v1/discovery.ts";
import { err, ok, type Result } from "../result.ts";
import { violation, type Violation } from "../violation.ts";
import { decodeMessage, encodeMessage } from "./any.ts";

/** The one name that a proxy subscribes to. */
export const DIGEST_NAME = "digest";

/** What the server believes a node holds; sent every 10 s so that both notice when they disagree (DESIGN 7). */
export interface Digest {
  readonly meshId: string;
  readonly revision: number;
  /** `version_info` that was last sent, by type URL. */
  readonly versions: ReadonlyMap<string, string>;
}

/** Sorted by type URL, so that equal digests are equal bytes. */
export function encodeDigest(digest: Digest): Buffer {
  const versions = Object.fromEntries([...digest.versions].sort(([a], [b]) => (a < b ? -1 : 1)));
  return encodeMessage(DigestMessage, { meshId: digest.meshId, revision: BigInt(digest.revision), versions });
}

export function decodeDigest(bytes: Uint8Array): Result<Digest, Violation[]> {
  const message = decodeMessage(DigestMessage, bytes);
  if (!message.ok) return err([violation("", message.error)]);
  const { meshId, versions } = message.value;
  const revision = Number(message.value.revision);
  if (!Number.isSafeInteger(revision)) return err([violation("revision", `${revision} is beyond 2^53`)]);
  return ok({ meshId, revision, versions: new Map(Object.entries(versions)) });
}
