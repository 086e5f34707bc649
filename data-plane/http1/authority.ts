/** Canonical host and port (R1, R7): one spelling for routes, authorization, logs and the upstream. */

export type Scheme = "http" | "https";

/** `authority` is the host, with the port unless it is the scheme's default; `hostname` is the host alone. */
export interface Authority {
  readonly authority: string;
  readonly hostname: string;
  /** As written, or the scheme's default; always 1-65535. */
  readonly port: number;
  readonly hasPort: boolean;
}

/** RFC 3986 reg-name and IPv4 without percent-encoding and without the comma, which would let two hosts pass as one. */
const NAME = /^[A-Za-z0-9\-._~!$&'()*+;=]+$/;
const HEX_GROUP = /^[0-9A-Fa-f]{1,4}$/;
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;
const IPV6_GROUPS = 8;
const PORT = /^\d{1,5}$/;
const PORT_MAX = 65_535;

/** Reads `host[:port]`; `undefined` for anything else: user information, a path, a list, nothing. */
export function parseAuthority(text: string, scheme: Scheme): Authority | undefined {
  const colon = text.indexOf(":", text.lastIndexOf("]") + 1);
  const host = canonicalHost(colon < 0 ? text : text.slice(0, colon));
  if (host === undefined) return undefined;
  const defaultPort = scheme === "http" ? 80 : 443;
  const digits = colon < 0 ? "" : text.slice(colon + 1);
  // `host:` is legal and means the default (RFC 3986 3.2.3).
  const port = digits === "" ? defaultPort : portOf(digits);
  if (port === undefined) return undefined;
  const authority = port === defaultPort ? host : `${host}:${port}`;
  return { authority, hostname: host, port, hasPort: digits !== "" };
}

function canonicalHost(text: string): string | undefined {
  if (text.startsWith("[")) {
    return text.endsWith("]") && isIpv6(text.slice(1, -1)) ? text.toLowerCase() : undefined;
  }
  if (!NAME.test(text)) return undefined;
  const host = text.endsWith(".") ? text.slice(0, -1) : text;
  return host === "" || host.endsWith(".") ? undefined : host.toLowerCase();
}

function portOf(digits: string): number | undefined {
  if (!PORT.test(digits)) return undefined;
  const port = Number(digits);
  return port >= 1 && port <= PORT_MAX ? port : undefined;
}

/** RFC 3986 IPv6address: eight groups, fewer around one `::`; the last two may be written as IPv4. */
function isIpv6(text: string): boolean {
  const halves = text.split("::");
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  const last = groups.at(-1) ?? "";
  const endsInIpv4 = IPV4.test(last) && text.endsWith(last);
  const plain = endsInIpv4 ? groups.slice(0, -1) : groups;
  if (!plain.every((group) => HEX_GROUP.test(group))) return false;
  const count = plain.length + (endsInIpv4 ? 2 : 0);
  return halves.length === 2 ? count < IPV6_GROUPS : count === IPV6_GROUPS;
}
