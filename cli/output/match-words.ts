import { unreachable } from "../../shared/assert.ts";
import type { HeaderMatch, RouteMatch, ValueMatch } from "../../shared/model/route.ts";

/** `/api/* :method=GET`, or `everything`. */
export function describeMatch(match: RouteMatch): string {
  const parts = [
    describePath(match),
    ...match.headers.map(describeHeader),
    ...match.query.map(({ name, value }) => `?${name}${describeValue(value)}`),
  ];
  return parts.filter((part) => part !== "").join(" ") || "everything";
}

function describePath({ path }: RouteMatch): string {
  switch (path.kind) {
    case "exact":
      return `= ${path.value}`;
    case "prefix":
      return path.value === "/" || path.value === "" ? "" : `${path.value}*`;
    case "segment-prefix":
      return path.value === "/" ? "" : `${path.value}/*`;
    case "regex":
      return `~ ${path.value}`;
    default:
      return unreachable(path);
  }
}

export function describeHeader({ name, value, invert }: HeaderMatch): string {
  return `${invert ? "not " : ""}${name}${describeValue(value)}`;
}

function describeValue(value: ValueMatch): string {
  switch (value.kind) {
    case "exact":
      return `=${value.value}`;
    case "prefix":
      return `=${value.value}*`;
    case "suffix":
      return `=*${value.value}`;
    case "contains":
      return `=*${value.value}*`;
    case "regex":
      return `~${value.value}`;
    case "range":
      return ` in [${value.start}, ${value.end})`;
    case "present":
      return value.present ? "" : " absent";
    default:
      return unreachable(value);
  }
}
