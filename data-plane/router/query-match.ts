import type { QueryMatch } from "../../shared/model/route.ts";
import { violation, type Violation } from "../../shared/violation.ts";
import { compileValueMatch, type ValueTest } from "./value-match.ts";

/** One condition on a query parameter. An absent parameter satisfies only a test for absence. */
export class QueryTest {
  readonly #name: string;
  readonly #present: boolean | undefined;
  readonly #test: ValueTest;

  constructor(match: QueryMatch, test: ValueTest) {
    this.#name = match.name;
    this.#present = match.value.kind === "present" ? match.value.present : undefined;
    this.#test = test;
  }

  /** Hot. `query` is "" or starts with "?". */
  matches(query: string): boolean {
    const value = queryValue(query, this.#name);
    if (this.#present !== undefined) return (value !== undefined) === this.#present;
    return value !== undefined && this.#test(value);
  }
}

export function compileQueryMatch(match: QueryMatch, path: string, violations: Violation[]): QueryTest {
  if (match.name === "") violations.push(violation(`${path}.name`, "must name a query parameter"));
  return new QueryTest(match, compileValueMatch(match.value, path, violations));
}

/**
 * The first value of a parameter, "" when it has none, undefined when it is absent. Names and values are compared as
 * sent, without decoding: Envoy does the same when it routes.
 */
export function queryValue(query: string, name: string): string | undefined {
  for (let start = 1; start < query.length;) {
    const ampersand = query.indexOf("&", start);
    const end = ampersand === -1 ? query.length : ampersand;
    if (query.startsWith(name, start)) {
      const after = start + name.length;
      if (after === end) return "";
      if (after < end && query.charCodeAt(after) === 0x3d) return query.slice(after + 1, end);
    }
    start = end + 1;
  }
  return undefined;
}
