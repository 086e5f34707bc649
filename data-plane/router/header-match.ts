import type { HeaderMatch } from "../../shared/model/route.ts";
import { violation, type Violation } from "../../shared/violation.ts";
import type { RequestHead } from "../http1/message.ts";
import { headerValue } from "./header-value.ts";
import { compileValueMatch, type ValueTest } from "./value-match.ts";

/**
 * One condition on a header, with Envoy's rules for what is not there (xds.md 2.22):
 * - an absent header never satisfies a test of its value, inverted or not, unless it is to be treated as empty;
 * - a test of presence honours `invert`.
 */
export class HeaderTest {
  readonly #name: string;
  readonly #invert: boolean;
  readonly #absentAsEmpty: boolean;
  /** Undefined when the value is tested; else what presence must be. */
  readonly #present: boolean | undefined;
  readonly #test: ValueTest;

  constructor(match: HeaderMatch, test: ValueTest) {
    this.#name = match.name.toLowerCase();
    this.#invert = match.invert;
    this.#absentAsEmpty = match.treatMissingAsEmpty;
    this.#present = match.value.kind === "present" ? match.value.present : undefined;
    this.#test = test;
  }

  /** Hot. */
  matches(head: RequestHead): boolean {
    const value = headerValue(head, this.#name);
    if (this.#present !== undefined) return ((value !== undefined) === this.#present) !== this.#invert;
    if (value !== undefined) return this.#test(value) !== this.#invert;
    return this.#absentAsEmpty && this.#test("") !== this.#invert;
  }
}

export function compileHeaderMatch(match: HeaderMatch, path: string, violations: Violation[]): HeaderTest {
  if (match.name === "") violations.push(violation(`${path}.name`, "must name a header"));
  return new HeaderTest(match, compileValueMatch(match.value, path, violations));
}
