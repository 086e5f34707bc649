import { RE2JS } from "re2js";

import { err, ok, type Result } from "../../shared/result.ts";
import { REGEX_PATTERN_CHARS_MAX } from "../../shared/limits.ts";

/** A regular expression of the operator, in RE2's syntax. Time is linear in the input: no pattern can hang the proxy. */
export type Regex = RE2JS;

/** The words of the error go to whoever wrote the pattern. */
export function compileRegex(pattern: string): Result<Regex, string> {
  if (pattern.length > REGEX_PATTERN_CHARS_MAX) {
    return err(`the pattern has ${pattern.length} characters, at most ${REGEX_PATTERN_CHARS_MAX} are allowed`);
  }
  try {
    return ok(RE2JS.compile(pattern));
  } catch (thrown) {
    // RE2JS knows no other way to say that a pattern is wrong: this is the edge to it.
    return err(
      `"${pattern}" is not a regular expression of RE2: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
    );
  }
}

/** Whether the pattern matches the whole of `value`, as Envoy's `safe_regex` does: `/a` does not match `/ab`. */
export function matchesWhole(regex: Regex, value: string): boolean {
  return regex.testExact(value);
}
