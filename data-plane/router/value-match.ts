import { unreachable } from "../../shared/assert.ts";
import type { ValueMatch } from "../../shared/model/route.ts";
import { violation, type Violation } from "../../shared/violation.ts";
import { compileRegex } from "./full-match.ts";

/** A test of a value that exists. Presence is the business of whoever looks the value up. */
export type ValueTest = (value: string) => boolean;

/** Compiles the test, or adds to `violations` why not. `path` is the matcher's place in its resource. */
export function compileValueMatch(match: ValueMatch, path: string, violations: Violation[]): ValueTest {
  switch (match.kind) {
    case "exact":
    case "prefix":
    case "suffix":
    case "contains":
      return stringTest(match);
    case "regex": {
      const regex = compileRegex(match.value);
      if (regex.ok) return (value) => regex.value.matchesWhole(value);
      violations.push(violation(`${path}.safe_regex.regex`, regex.error));
      return () => false;
    }
    case "range": {
      if (match.start >= match.end) {
        violations.push(
          violation(
            `${path}.range_match`,
            `the range [${match.start}, ${match.end}) is empty; end must be above start`,
          ),
        );
      }
      return rangeTest(match.start, match.end);
    }
    case "present":
      return () => match.present;
    default:
      return unreachable(match);
  }
}

interface StringMatch {
  readonly kind: "exact" | "prefix" | "suffix" | "contains";
  readonly value: string;
  readonly ignoreCase: boolean;
}

function stringTest(match: StringMatch): ValueTest {
  const wanted = match.ignoreCase ? match.value.toLowerCase() : match.value;
  const test = caseTest(match.kind, wanted);
  return match.ignoreCase ? (value) => test(value.toLowerCase()) : test;
}

function caseTest(kind: StringMatch["kind"], wanted: string): ValueTest {
  switch (kind) {
    case "exact":
      return (value) => value === wanted;
    case "prefix":
      return (value) => value.startsWith(wanted);
    case "suffix":
      return (value) => value.endsWith(wanted);
    case "contains":
      return (value) => value.includes(wanted);
    default:
      return unreachable(kind);
  }
}

/** Decimal whole numbers in [start, end), as Envoy's `range_match`: anything else is outside every range. */
function rangeTest(start: number, end: number): ValueTest {
  return (value) => {
    if (!/^[+-]?\d{1,15}$/.test(value)) return false;
    const number = Number(value);
    return number >= start && number < end;
  };
}
