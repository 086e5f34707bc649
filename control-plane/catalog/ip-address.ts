const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

/**
 * The one spelling of an IP address (`::1`, not `0:0:0:0:0:0:0:1`), so that one endpoint cannot have two rows; undefined
 * when the text is no address (seed F4.32). Zones are refused: they mean something on one host only.
 */
export function canonicalIp(text: string): string | undefined {
  if (IPV4.test(text)) return text;
  if (!/^[0-9A-Fa-f:.]{2,45}$/.test(text) || !text.includes(":")) return undefined;
  // The URL standard's IPv6 parser and serializer (RFC 5952) are the runtime's own.
  const url = URL.parse(`http://[${text}]/`);
  return url === null ? undefined : url.hostname.slice(1, -1);
}

/** `0.0.0.0` and `::` mean "every address of this host": nobody can be called there. */
export function isUnspecifiedIp(ip: string): boolean {
  return ip === "0.0.0.0" || ip === "::";
}
