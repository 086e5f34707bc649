import type { Matcher, RE2JS } from "re2js";

import { err, ok, type Result } from "../../shared/result.ts";
import { REGEX_PATTERN_CHARS_MAX } from "../../shared/limits.ts";
import { compilePattern } from "../../shared/regex-engine.ts";

/** A regular expression of the operator, in RE2's syntax. Time is linear in the input: no pattern can hang the proxy. */
export class Regex {
  readonly #engine: RE2JS;
  readonly #prefix: string;

  constructor(pattern: string) {
    this.#engine = compilePattern(pattern);
    this.#prefix = literalPrefix(pattern);
  }

  /**
   * Whether the pattern matches the whole of `value`, as Envoy's `safe_regex` does: `/a` does not match `/ab`.
   * Hot. The literal beginning rules most patterns of a table out: 50 of them cost 2 µs instead of 10.
   */
  matchesWhole(value: string): boolean {
    return value.startsWith(this.#prefix) && this.#engine.testExact(value);
  }

  /** For all matches in turn. */
  matcher(value: string): Matcher {
    return this.#engine.matcher(value);
  }

  groupCount(): number {
    return this.#engine.groupCount();
  }
}

/** The words of the error go to whoever wrote the pattern. */
export function compileRegex(pattern: string): Result<Regex, string> {
  if (pattern.length > REGEX_PATTERN_CHARS_MAX) {
    return err(`the pattern has ${pattern.length} characters, at most ${REGEX_PATTERN_CHARS_MAX} are allowed`);
  }
  try {
    return ok(new Regex(pattern));
  } catch (thrown) {
    // RE2JS knows no other way to say that a pattern is wrong: this is the edge to it.
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    return err(`"${pattern}" is not a regular expression of RE2: ${reason}`);
  }
}

/**
 * Text that every match of the whole begins with: the characters without a meaning of their own that the pattern begins
 * with. "" when in doubt; an alternative anywhere may be one to the beginning.
 */
export function literalPrefix(pattern: string): string {
  if (pattern.includes("|")) return "";
  const [, text = ""] = /^\^?([\w/-]*)/.exec(pattern) ?? [];
  const next = pattern.replace(/^\^/, "").charAt(text.length);
  // These let the character before them be absent.
  return next === "*" || next === "?" || next === "{" ? text.slice(0, -1) : text;
}
