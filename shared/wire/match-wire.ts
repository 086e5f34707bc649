import type { QueryParameterMatcher } from "../generated/envoy/config/route/v3/route_components.ts";
import { HeaderMatcher, RouteMatch as RouteMatchMessage } from "../generated/envoy/config/route/v3/route_components.ts";
import type { StringMatcher } from "../generated/envoy/type/matcher/v3/string.ts";
import type { HeaderMatch, PathMatch, QueryMatch, RouteMatch, ValueMatch } from "../model/route.ts";
import { AssertionFailed } from "../assert.ts";
import { violation, type Violation } from "../violation.ts";
import { join, refuseUnsupported } from "./field-rules.ts";
import { readFraction } from "./fraction-wire.ts";
import { headerMatcherRules, queryMatcherRules, routeMatchRules, stringMatcherRules } from "./route-rules.ts";

export function routeMatchMessage(match: RouteMatch): RouteMatchMessage {
  return RouteMatchMessage.fromPartial({
    pathSpecifier: pathSpecifier(match.path),
    ...(match.caseSensitive ? {} : { caseSensitive: false }),
    headers: match.headers.map(headerMessage),
    queryParameters: match.query.map(queryMessage),
  });
}

/** The model of a RouteMatch, or undefined with the reason in `found`. */
export function readRouteMatch(message: RouteMatchMessage, path: string, found: Violation[]): RouteMatch | undefined {
  const before = found.length;
  refuseUnsupported(message, routeMatchRules, path, found);
  requireCertain(message, path, found);
  const pathMatch = readPath(message, path, found);
  const headers = readHeaders(message.headers, path, found);
  const query = message.queryParameters.map((parameter, index) =>
    readQuery(parameter, join(path, `query_parameters[${index}]`), found),
  );
  if (found.length > before || pathMatch === undefined) return undefined;
  return { path: pathMatch, caseSensitive: message.caseSensitive ?? true, headers, query };
}

function pathSpecifier(path: PathMatch): NonNullable<RouteMatchMessage["pathSpecifier"]> {
  switch (path.kind) {
    case "exact":
      return { $case: "path", value: path.value };
    case "prefix":
      return { $case: "prefix", value: path.value };
    case "segment-prefix":
      return { $case: "pathSeparatedPrefix", value: path.value };
    case "regex":
      return { $case: "safeRegex", value: regexMessage(path.value) };
  }
}

function readPath(message: RouteMatchMessage, path: string, found: Violation[]): PathMatch | undefined {
  const specifier = message.pathSpecifier;
  switch (specifier?.$case) {
    case "path":
      return { kind: "exact", value: specifier.value };
    case "prefix":
      return { kind: "prefix", value: specifier.value };
    case "pathSeparatedPrefix":
      return { kind: "segment-prefix", value: specifier.value };
    case "safeRegex":
      return { kind: "regex", value: specifier.value.regex };
    case "connectMatcher":
      found.push(violation(join(path, "connect_matcher"), "is not supported by Heddle"));
      return undefined;
    case undefined:
      found.push(violation(path, "must have prefix, path, path_separated_prefix or safe_regex"));
      return undefined;
  }
}

/** A route that holds for only a share of the requests: a runtime key could change it, so only "all" is understood. */
function requireCertain(message: RouteMatchMessage, path: string, found: Violation[]): void {
  if (message.runtimeFraction === undefined) return;
  const fraction = message.runtimeFraction.defaultValue;
  if (fraction !== undefined && readFraction(fraction) === 100) return;
  found.push(violation(join(path, "runtime_fraction"), "only the whole of the requests is supported by Heddle"));
}

export function headerMessage(header: HeaderMatch): HeaderMatcher {
  return HeaderMatcher.fromPartial({
    name: header.name,
    headerMatchSpecifier: headerSpecifier(header.value),
    invertMatch: header.invert,
    treatMissingHeaderAsEmpty: header.treatMissingAsEmpty,
  });
}

function headerSpecifier(value: ValueMatch): NonNullable<HeaderMatcher["headerMatchSpecifier"]> {
  switch (value.kind) {
    case "present":
      return { $case: "presentMatch", value: value.present };
    case "range":
      return { $case: "rangeMatch", value: { start: BigInt(value.start), end: BigInt(value.end) } };
    default:
      return { $case: "stringMatch", value: stringMessage(value) };
  }
}

export function readHeaders(
  messages: readonly HeaderMatcher[],
  path: string,
  found: Violation[],
): readonly HeaderMatch[] {
  return messages.map((message, index) => readHeader(message, join(path, `headers[${index}]`), found));
}

function readHeader(message: HeaderMatcher, path: string, found: Violation[]): HeaderMatch {
  refuseUnsupported(message, headerMatcherRules, path, found);
  if (message.name === "") found.push(violation(join(path, "name"), "must not be empty"));
  return {
    name: message.name.toLowerCase(),
    value: readHeaderValue(message, path, found),
    invert: message.invertMatch,
    treatMissingAsEmpty: message.treatMissingHeaderAsEmpty,
  };
}

/** The single-purpose matchers are the older spelling of string_match. Without any, presence is tested. */
function readHeaderValue(message: HeaderMatcher, path: string, found: Violation[]): ValueMatch {
  const specifier = message.headerMatchSpecifier;
  switch (specifier?.$case) {
    case undefined:
      return { kind: "present", present: true };
    case "presentMatch":
      return { kind: "present", present: specifier.value };
    case "rangeMatch":
      return readRange(specifier.value, join(path, "range_match"), found);
    case "stringMatch":
      return readString(specifier.value, join(path, "string_match"), found);
    case "exactMatch":
      return { kind: "exact", value: specifier.value, ignoreCase: false };
    case "prefixMatch":
      return { kind: "prefix", value: specifier.value, ignoreCase: false };
    case "suffixMatch":
      return { kind: "suffix", value: specifier.value, ignoreCase: false };
    case "containsMatch":
      return { kind: "contains", value: specifier.value, ignoreCase: false };
    case "safeRegexMatch":
      return { kind: "regex", value: specifier.value.regex };
  }
}

function readRange(
  range: { readonly start: bigint; readonly end: bigint },
  path: string,
  found: Violation[],
): ValueMatch {
  const [start, end] = [Number(range.start), Number(range.end)];
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end)) {
    found.push(violation(path, `${range.start} to ${range.end} is beyond 2^53`));
  }
  return { kind: "range", start, end };
}

function queryMessage(query: QueryMatch): QueryParameterMatcher {
  return {
    name: query.name,
    queryParameterMatchSpecifier:
      query.value.kind === "present"
        ? { $case: "presentMatch", value: query.value.present }
        : { $case: "stringMatch", value: stringMessage(query.value) },
  };
}

function readQuery(message: QueryParameterMatcher, path: string, found: Violation[]): QueryMatch {
  refuseUnsupported(message, queryMatcherRules, path, found);
  if (message.name === "") found.push(violation(join(path, "name"), "must not be empty"));
  const specifier = message.queryParameterMatchSpecifier;
  if (specifier?.$case !== "stringMatch") {
    return { name: message.name, value: { kind: "present", present: specifier?.value ?? true } };
  }
  return { name: message.name, value: readString(specifier.value, join(path, "string_match"), found) };
}

export function regexMessage(regex: string): { engineType: undefined; regex: string } {
  return { engineType: undefined, regex };
}

function stringMessage(value: ValueMatch): StringMatcher {
  switch (value.kind) {
    case "exact":
    case "prefix":
    case "suffix":
    case "contains":
      return { matchPattern: { $case: value.kind, value: value.value }, ignoreCase: value.ignoreCase };
    case "regex":
      return { matchPattern: { $case: "safeRegex", value: regexMessage(value.value) }, ignoreCase: false };
    case "range":
    case "present":
      throw new AssertionFailed(`a string matcher cannot say "${value.kind}"`);
  }
}

function readString(message: StringMatcher, path: string, found: Violation[]): ValueMatch {
  refuseUnsupported(message, stringMatcherRules, path, found);
  const pattern = message.matchPattern;
  switch (pattern?.$case) {
    case "exact":
    case "prefix":
    case "suffix":
    case "contains":
      return { kind: pattern.$case, value: pattern.value, ignoreCase: message.ignoreCase };
    case "safeRegex":
      return { kind: "regex", value: pattern.value.regex };
    case undefined:
      found.push(violation(path, "must have exact, prefix, suffix, contains or safe_regex"));
      return { kind: "present", present: false };
  }
}
