import type { RequestHead } from "../http1/message.ts";

/**
 * The value of a request header as every rule of the mesh sees it: matchers, hash policies, later authorization.
 * One function, so that no two rules read the same request differently (http1.md R9).
 *
 * Several lines of one name count as one value joined with ",", as in Envoy (xds.md 2.22) and RFC 9110 5.3, which lets
 * anyone on the way join them: a sender cannot change what matches by splitting one line into two. Cookie lines are joined with
 * "; " (RFC 9113 8.2.3). A rule that must not be evaded by a second value has to look for its value inside the list.
 *
 * The codec keeps framing and connection headers out of the list; those that routes ask for are given back from the head.
 * `name` is in lower case. Hot: allocates only when there is more than one line.
 */
export function headerValue(head: RequestHead, name: string): string | undefined {
  return DERIVED.has(name) ? derivedValue(head, name) : listedValue(head.headers, name);
}

const DERIVED: ReadonlySet<string> = new Set(
  ":method :path :authority host :scheme content-length transfer-encoding upgrade expect te".split(" "),
);

function derivedValue(head: RequestHead, name: string): string | undefined {
  switch (name) {
    case ":method":
      return head.method;
    case ":path":
      return head.query === "" ? head.path : head.path + head.query;
    case ":authority":
    case "host":
      return head.authority;
    case ":scheme":
      return "http";
    case "content-length":
      return head.framing === "length" ? String(head.contentLength) : undefined;
    case "transfer-encoding":
      return head.framing === "chunked" ? "chunked" : undefined;
    case "upgrade":
      return head.upgrade === "" ? undefined : head.upgrade;
    case "expect":
      return head.expectsContinue ? "100-continue" : undefined;
    case "te":
      return head.acceptsTrailers ? "trailers" : undefined;
    default:
      return undefined;
  }
}

function listedValue(headers: readonly string[], name: string): string | undefined {
  let joined: string | undefined;
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at] !== name) continue;
    const line = headers[at + 1] ?? "";
    joined = joined === undefined ? line : joined + (name === "cookie" ? "; " : ",") + line;
  }
  return joined;
}
