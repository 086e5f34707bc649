import type { HeaderList } from "../http1/message.ts";

/**
 * Whether an answer may be kept to stand in for a later one that does not come (semantics.md 20, 9; RFC 9111 3 and 4.2.4).
 * Only a 200 to a GET that nobody forbids to store or to serve when stale, and nothing that could be meant for one caller:
 * a request with credentials or cookies needs `public` in the answer, and an answer that sets a cookie is never kept.
 */
export function mayStore(method: string, status: number, request: HeaderList, response: HeaderList): boolean {
  if (method !== "GET" || status !== 200) return false;
  const control = directives(response, "cache-control");
  if (control.some((one) => FORBIDDING.has(one)) || directives(request, "cache-control").includes("no-store"))
    return false;
  // What stood in for an answer on its way here is no answer of the service.
  if (has(response, "x-heddle-fallback")) return false;
  if (has(response, "set-cookie") || varyNames(response).includes("*")) return false;
  return control.includes("public") || !(has(request, "authorization") || has(request, "cookie"));
}

/** `no-cache` and its like allow to store, but never to serve without asking, which is all that a fallback does. */
const FORBIDDING = new Set(["no-store", "private", "no-cache", "must-revalidate", "proxy-revalidate"]);

/** The request headers that chose this answer among several (RFC 9110 12.5.5), in lower case. */
export function varyNames(response: HeaderList): readonly string[] {
  return directives(response, "vary");
}

/** The value of a header, its lines joined; "" when there is none. */
export function joinedValue(headers: HeaderList, name: string): string {
  let joined = "";
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at] === name) joined += joined === "" ? headers[at + 1] : `, ${headers[at + 1]}`;
  }
  return joined;
}

function directives(headers: HeaderList, name: string): readonly string[] {
  const value = joinedValue(headers, name);
  // The argument of a directive changes nothing here: `private="x-name"` is taken as private, the safer reading.
  return value === "" ? [] : value.split(",").map((one) => one.replace(/=.*/s, "").trim().toLowerCase());
}

function has(headers: HeaderList, name: string): boolean {
  for (let at = 0; at < headers.length; at += 2) if (headers[at] === name) return true;
  return false;
}
