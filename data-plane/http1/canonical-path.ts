/**
 * The one canonical path of a request (R6), in the default mode: dot segments resolved, slashes merged, unreserved
 * characters decoded once, the other escapes in upper case. What two readers could understand in two ways is refused:
 * an escaped slash, backslash or NUL, a malformed or overlong escape, a dot segment with a parameter, and a climb above the root.
 */

import { HEX_VALUE } from "./chars.ts";

// Of this module: see field-scanner.ts.
const PERCENT = 0x25;
const DOT = 0x2e;
const SLASH = 0x2f;

const UNRESERVED = /[A-Za-z0-9\-._~]/;
const REFUSED_ESCAPES = new Set(["00", "2F", "5C"]);
/** First bytes of UTF-8 sequences that are longer than they need be, with what their second byte then is below. */
const OVERLONG = new Map([
  [0xc0, 0xc0],
  [0xc1, 0xc0],
  [0xe0, 0xa0],
  [0xf0, 0x90],
]);

/** The canonical path of `path` (which starts with "/" and has no query), or `undefined` when it is refused. */
export function canonicalPath(path: string): string | undefined {
  if (isCanonical(path)) return path;
  const decoded = decodeUnreserved(path);
  return decoded === undefined ? undefined : resolveSegments(decoded);
}

// Hot: every request. No escape, no empty segment and no segment that starts with a dot: nothing to do.
function isCanonical(path: string): boolean {
  let before = 0;
  for (let i = 0; i < path.length; i += 1) {
    const code = path.charCodeAt(i);
    if (code === PERCENT) return false;
    if (before === SLASH && (code === SLASH || code === DOT)) return false;
    before = code;
  }
  return true;
}

function decodeUnreserved(path: string): string | undefined {
  let decoded = "";
  let copied = 0;
  for (let at = path.indexOf("%"); at >= 0; at = path.indexOf("%", copied)) {
    const byte = escapedByte(path, at);
    if (byte < 0 || isOverlong(path, at, byte)) return undefined;
    const digits = path.slice(at + 1, at + 3).toUpperCase();
    if (REFUSED_ESCAPES.has(digits)) return undefined;
    const character = String.fromCharCode(byte);
    decoded += path.slice(copied, at) + (UNRESERVED.test(character) ? character : `%${digits}`);
    copied = at + 3;
  }
  return decoded + path.slice(copied);
}

/** The byte of the escape at `at`, or -1 if there is none. */
function escapedByte(path: string, at: number): number {
  if (at + 2 >= path.length || path.charCodeAt(at) !== PERCENT) return -1;
  const high = HEX_VALUE[path.charCodeAt(at + 1)] ?? 255;
  const low = HEX_VALUE[path.charCodeAt(at + 2)] ?? 255;
  return high > 15 || low > 15 ? -1 : 16 * high + low;
}

function isOverlong(path: string, at: number, first: number): boolean {
  const below = OVERLONG.get(first);
  if (below === undefined) return false;
  const second = escapedByte(path, at + 3);
  return second >= 0x80 && second < below;
}

/** Dot segments first, then slashes, as RFC 3986 and Envoy do it: `/a//../b` is `/a/b`, for an empty segment is one. */
function resolveSegments(path: string): string | undefined {
  const kept: string[] = [];
  const segments = path.slice(1).split("/");
  const last = segments.at(-1) ?? "";
  for (const segment of segments) {
    if (segment.startsWith(".;") || segment.startsWith("..;")) return undefined;
    if (segment === "..") {
      if (kept.pop() === undefined) return undefined;
    } else if (segment !== ".") kept.push(segment);
  }
  const named = kept.filter((segment) => segment !== "");
  const isFolder = last === "" || last === "." || last === "..";
  return named.length === 0 ? "/" : `/${named.join("/")}${isFolder ? "/" : ""}`;
}
