/**
 * One thing that is wrong with an input, in words for the person who wrote it.
 *
 * `path` names the field in the sender's own spelling (`routes[2].match.path_prefix`, `v1_weight`), `message` says what
 * is wrong with the value and the allowed range. Validation returns all violations of an input, not the first.
 */
export interface Violation {
  readonly path: string;
  readonly message: string;
}

export function violation(path: string, message: string): Violation {
  return { path, message };
}

/** All violations in one line, for a NACK, a log or a terminal. */
export function describeViolations(violations: readonly Violation[]): string {
  return violations.map((v) => (v.path === "" ? v.message : `${v.path}: ${v.message}`)).join("; ");
}
