/**
 * What is done to a path before it is routed (R6). "reject" is the default and the strictest: see canonical-path.ts. The
 * others are those of Envoy and Istio, for meshes that come from there; whichever it is, the router, authorization, logs
 * and the upstream see its one result.
 *
 * - "none": as written.
 * - "base": `\` is `/`, unreserved characters are decoded once, dot segments are resolved (RFC 3986 5.2.4, so that the
 *   root's parent is the root).
 * - "merge-slashes": that, and slashes are merged.
 * - "decode-and-merge-slashes": %2F and %5C are decoded before all of it.
 */

import { canonicalPath } from "./canonical-path.ts";
import { HEX_VALUE } from "./chars.ts";

export const PATH_MODES = ["reject", "none", "base", "merge-slashes", "decode-and-merge-slashes"] as const;
export type PathMode = (typeof PATH_MODES)[number];

const ESCAPE = /%(..?)?/g;
const UNRESERVED = /[A-Za-z0-9\-._~]/;

/** The path to use for `path` (which starts with "/" and has no query), or `undefined` when it is refused. */
export function pathOf(path: string, mode: PathMode): string | undefined {
  if (mode === "reject") return canonicalPath(path);
  if (mode === "none") return path;
  const decodesSlashes = mode === "decode-and-merge-slashes";
  const decoded = decode(path, decodesSlashes);
  if (decoded === undefined) return undefined;
  const resolved = resolveDots(decoded.replaceAll("\\", "/"));
  return mode === "base" ? resolved : resolved.replaceAll(/\/{2,}/g, "/");
}

/** Undefined with an escape that is malformed or stands for NUL. */
function decode(path: string, decodesSlashes: boolean): string | undefined {
  let isRefused = false;
  const decoded = path.replaceAll(ESCAPE, (escape) => {
    const byte = escapedByte(escape);
    if (byte <= 0) isRefused = true;
    const character = String.fromCharCode(byte);
    if (UNRESERVED.test(character)) return character;
    return decodesSlashes && (character === "/" || character === "\\") ? "/" : escape;
  });
  return isRefused ? undefined : decoded;
}

/** -1 for what is no escape. */
function escapedByte(escape: string): number {
  if (escape.length !== 3) return -1;
  const high = HEX_VALUE[escape.charCodeAt(1)] ?? 255;
  const low = HEX_VALUE[escape.charCodeAt(2)] ?? 255;
  return high > 15 || low > 15 ? -1 : 16 * high + low;
}

/** An empty segment is a segment: `/a//..` is `/a/`. */
function resolveDots(path: string): string {
  const kept: string[] = [];
  const segments = path.slice(1).split("/");
  for (const segment of segments) {
    if (segment === "..") kept.pop();
    else if (segment !== ".") kept.push(segment);
  }
  const last = segments.at(-1);
  const endsInDots = last === "." || last === "..";
  return `/${kept.join("/")}${endsInDots && kept.length > 0 ? "/" : ""}`;
}
