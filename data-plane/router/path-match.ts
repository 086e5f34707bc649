import { unreachable } from "../../shared/assert.ts";
import type { PathMatch } from "../../shared/model/route.ts";
import { violation, type Violation } from "../../shared/violation.ts";
import { compileRegex, type Regex } from "./full-match.ts";

/**
 * The path part of a route. Sees the one canonical path without its query (http1.md R6), as Envoy does.
 * One class with a switch, so that a scan over many routes stays monomorphic.
 */
export class PathTest {
  readonly kind: PathMatch["kind"];
  readonly value: string;
  readonly caseSensitive: boolean;
  readonly #regex: Regex | undefined;
  /** The last character of the value, or -1 for an empty one. */
  readonly #last: number;

  constructor(match: PathMatch, caseSensitive: boolean, regex: Regex | undefined) {
    this.kind = match.kind;
    this.value = caseSensitive || match.kind === "regex" ? match.value : match.value.toLowerCase();
    this.caseSensitive = caseSensitive;
    this.#regex = regex;
    this.#last = this.value === "" ? -1 : this.value.charCodeAt(this.value.length - 1);
  }

  /** Hot. Allocates nothing for lower-case paths; `toLowerCase` returns its receiver when nothing changes. */
  matches(path: string): boolean {
    const seen = this.caseSensitive || this.kind === "regex" ? path : path.toLowerCase();
    switch (this.kind) {
      case "exact":
        return seen === this.value;
      case "prefix":
        return this.#mayStart(seen) && seen.startsWith(this.value);
      case "segment-prefix":
        return this.#mayStart(seen) && endsSegment(seen, this.value.length) && seen.startsWith(this.value);
      case "regex":
        return this.#regex !== undefined && this.#regex.matchesWhole(seen);
      default:
        return unreachable(this.kind);
    }
  }

  /** Prefixes of one table begin alike and end apart: the last character rules most out for a third of the cost of startsWith. */
  #mayStart(path: string): boolean {
    return this.#last === -1 || path.charCodeAt(this.value.length - 1) === this.#last;
  }

  /** How many characters of a matching path a prefix rewrite replaces: all of it, unless only a prefix was tested. */
  matchedLength(path: string): number {
    return this.kind === "prefix" || this.kind === "segment-prefix" ? this.value.length : path.length;
  }
}

/** `path` is the place of the RouteMatch in its resource. Case never folds in a regex: `(?i)` says it there. */
export function compilePathMatch(
  match: PathMatch,
  caseSensitive: boolean,
  violations: Violation[],
  path: string,
): PathTest {
  if (match.kind === "regex") {
    const regex = compileRegex(match.value);
    if (!regex.ok) violations.push(violation(`${path}.safe_regex.regex`, regex.error));
    return new PathTest(match, caseSensitive, regex.ok ? regex.value : undefined);
  }
  if (match.kind === "segment-prefix" && !/^[^?#]+[^?#/]$/.test(match.value)) {
    violations.push(
      violation(
        `${path}.path_separated_prefix`,
        `"${match.value}" must be a path of two or more characters without "?", "#" or a final "/"`,
      ),
    );
  }
  return new PathTest(match, caseSensitive, undefined);
}

function endsSegment(path: string, length: number): boolean {
  return path.length === length || path.charCodeAt(length) === 0x2f;
}
