import type { ForwardAction } from "../../shared/model/route.ts";
import { violation, type Violation } from "../../shared/violation.ts";
import { compileRegex, type Regex } from "./full-match.ts";
import type { PathTest } from "./path-match.ts";

/** Gives the path to send for the path received; neither has a query, both start with "/". */
export type PathRewrite = (path: string) => string;

/** Undefined when the path goes out as it came in. `path` is the place of the RouteAction in its resource. */
export function compileRewrite(
  action: ForwardAction,
  test: PathTest,
  path: string,
  violations: Violation[],
): PathRewrite | undefined {
  const { prefixRewrite, regexRewrite } = action;
  if (prefixRewrite !== undefined && regexRewrite !== undefined) {
    violations.push(violation(path, "has both prefix_rewrite and regex_rewrite; at most one is allowed"));
  }
  if (prefixRewrite !== undefined) {
    checkText(prefixRewrite, `${path}.prefix_rewrite`, violations);
    return (received) => replacePrefix(received, test, prefixRewrite);
  }
  if (regexRewrite === undefined) return undefined;
  checkText(regexRewrite.substitution, `${path}.regex_rewrite.substitution`, violations);
  return compileRegexRewrite(regexRewrite, `${path}.regex_rewrite`, violations);
}

/**
 * Puts `rewrite` in the place of the matched prefix (Envoy `prefix_rewrite`). Unlike Envoy, which sends `//x` when `/api` becomes `/`
 * in `/api/x`, the seam gets exactly one slash: the upstream should see a canonical path, as the router did.
 */
export function replacePrefix(path: string, test: PathTest, rewrite: string): string {
  const rest = path.slice(test.matchedLength(path));
  const head = rest.startsWith("/") && rewrite.endsWith("/") ? rewrite.slice(0, -1) : rewrite;
  return rooted(head + rest);
}

function compileRegexRewrite(
  rewrite: { readonly pattern: string; readonly substitution: string },
  path: string,
  violations: Violation[],
): PathRewrite | undefined {
  const regex = compileRegex(rewrite.pattern);
  if (!regex.ok) {
    violations.push(violation(`${path}.pattern.regex`, regex.error));
    return undefined;
  }
  const parts = parseSubstitution(rewrite.substitution);
  const groups = regex.value.groupCount();
  const unknown = parts.find((part) => typeof part === "number" && part > groups);
  if (parts.includes(BAD_ESCAPE)) {
    violations.push(
      violation(`${path}.substitution`, `"${rewrite.substitution}": a backslash must be followed by a digit`),
    );
  }
  if (unknown !== undefined) {
    violations.push(
      violation(
        `${path}.substitution`,
        `\\${String(unknown)} names a group the pattern does not have (it has ${groups})`,
      ),
    );
  }
  return (received) => replaceAll(regex.value, received, parts);
}

/** Literal text, or the number of a capturing group. */
type SubstitutionPart = string | number | typeof BAD_ESCAPE;
const BAD_ESCAPE = Symbol("a backslash before something else");

/** RE2's rewrite syntax: `\0` is the whole match, `\1`-`\9` a group. Its `\\` would put a backslash into a path (http1.md R5). */
function parseSubstitution(substitution: string): SubstitutionPart[] {
  return (substitution.match(/\\[\s\S]?|[^\\]+/g) ?? []).map((part) => {
    if (!part.startsWith("\\")) return part;
    return /^\\\d$/.test(part) ? Number(part[1]) : BAD_ESCAPE;
  });
}

/** Every match in turn, as Envoy's `regex_rewrite` does. */
function replaceAll(regex: Regex, path: string, parts: readonly SubstitutionPart[]): string {
  const matcher = regex.matcher(path);
  let written = "";
  let from = 0;
  while (matcher.find()) {
    written += path.slice(from, matcher.start());
    for (const part of parts) written += typeof part === "number" ? (matcher.group(part) ?? "") : String(part);
    from = matcher.end();
  }
  return rooted(written + path.slice(from));
}

function rooted(path: string): string {
  return path.startsWith("/") ? path : `/${path}`;
}

/** What goes into a request line must not be able to end it, nor to start a query or a fragment. */
export function checkText(text: string, path: string, violations: Violation[]): void {
  if (/[^\x21-\x7e]|[?#]/.test(text)) {
    violations.push(violation(path, `"${text}" may hold visible ASCII characters except "?" and "#"`));
  }
}
