/**
 * Reads HTTP/1.1 as strictly as its grammar allows, with nothing of the product in it: what a test has sent through the
 * proxy must come out of it as messages that no two readers can understand differently. Anything else throws.
 */

export interface StrictMessage {
  readonly startLine: string;
  readonly fields: readonly (readonly [string, string])[];
  readonly body: string;
  readonly trailers: readonly string[];
  /** Characters of the whole message. */
  readonly length: number;
}

export interface StrictResponse extends StrictMessage {
  readonly status: number;
  /** The connection ends after it. */
  readonly closes: boolean;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const REQUEST_LINE = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+ (?:\*|\/[!"$-[\]-~]*) HTTP\/1\.1$/;
const STATUS_LINE = /^HTTP\/1\.1 ([1-5]\d\d) [\t\x20-\x7e\x80-\xff]*$/;
const VALUE = /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/;

/** The first request in `text`, or undefined while it is incomplete. */
export function strictRequest(text: string): StrictMessage | undefined {
  const head = readHead(text);
  if (head === undefined) return undefined;
  const { startLine, fields } = head;
  if (!REQUEST_LINE.test(startLine)) throw new Error(`request line: ${startLine}`);
  if (valuesOf(fields, "host").length !== 1) throw new Error("one Host");
  return withBody(text, head, framingOf(fields) ?? 0);
}

/** The first response in `text` to a request with `method`, or undefined while it is incomplete. */
export function strictResponse(text: string, method: string, isEnded: boolean): StrictResponse | undefined {
  const head = readHead(text);
  if (head === undefined) return undefined;
  const status = Number(STATUS_LINE.exec(head.startLine)?.[1] ?? 0);
  if (status === 0) throw new Error(`status line: ${head.startLine}`);
  const connection = valuesOf(head.fields, "connection");
  if (connection.length > 1) throw new Error("one Connection");
  const framing = framingOf(head.fields);
  const isBodiless = status < 200 || status === 204 || status === 304 || method === "HEAD";
  if ((status < 200 || status === 204) && framing !== undefined) throw new Error(`framing with ${status}`);
  let message: StrictMessage | undefined;
  if (isBodiless) message = withBody(text, head, 0);
  else if (framing !== undefined) message = withBody(text, head, framing);
  else if (connection[0] !== "close") throw new Error("a body without an end");
  else message = isEnded ? withBody(text, head, text.length - head.end) : undefined;
  return message === undefined ? undefined : { ...message, status, closes: connection[0] === "close" };
}

/** The whole of `text` as one response, to whatever method: that of a request that was refused may have been HEAD. */
export function strictRefusal(text: string): StrictResponse | undefined {
  const response = strictResponse(text, "GET", true);
  if (response?.length === text.length) return response;
  const toHead = strictResponse(text, "HEAD", true);
  return toHead?.length === text.length ? toHead : undefined;
}

interface Head {
  readonly startLine: string;
  readonly fields: readonly (readonly [string, string])[];
  readonly end: number;
}

function readHead(text: string): Head | undefined {
  const end = text.indexOf("\r\n\r\n");
  const known = end < 0 ? text : text.slice(0, end);
  // A line end in halves may still be completed.
  if (/\r(?!\n)/.test(known.replace(/\r$/, "")) || /(?:^|[^\r])\n/.test(known)) throw new Error("a bare CR or LF");
  if (end < 0) return undefined;
  const [startLine = "", ...lines] = known.split("\r\n");
  return { startLine, fields: lines.map(readField), end: end + 4 };
}

function readField(line: string): readonly [string, string] {
  const colon = line.indexOf(": ");
  const name = line.slice(0, colon);
  const value = line.slice(colon + 2);
  if (colon < 1 || !TOKEN.test(name) || !VALUE.test(value)) throw new Error(`field: ${JSON.stringify(line)}`);
  return [name, value];
}

/** The bytes of the body, "chunked", or undefined when the fields say nothing. */
function framingOf(fields: Head["fields"]): number | "chunked" | undefined {
  const lengths = valuesOf(fields, "content-length");
  const codings = valuesOf(fields, "transfer-encoding");
  if (lengths.length + codings.length > 1) throw new Error("two framings");
  if (codings.length === 1) {
    if (codings[0] !== "chunked") throw new Error(`coding: ${codings[0]}`);
    return "chunked";
  }
  if (lengths[0] === undefined) return undefined;
  if (!/^(?:0|[1-9]\d{0,15})$/.test(lengths[0])) throw new Error(`length: ${lengths[0]}`);
  return Number(lengths[0]);
}

function valuesOf(fields: Head["fields"], name: string): readonly string[] {
  return fields.filter(([found]) => found === name).map(([, value]) => value);
}

function withBody(
  text: string,
  { startLine, fields, end }: Head,
  framing: number | "chunked",
): StrictMessage | undefined {
  if (framing === "chunked") return readChunks(text, { startLine, fields, end });
  if (text.length < end + framing) return undefined;
  return { startLine, fields, body: text.slice(end, end + framing), trailers: [], length: end + framing };
}

function readChunks(text: string, { startLine, fields, end }: Head): StrictMessage | undefined {
  let body = "";
  for (let at = end; ;) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd < 0) {
      if (!/^[0-9a-f]{0,13}\r?$/.test(text.slice(at))) throw new Error("chunk size");
      return undefined;
    }
    const digits = text.slice(at, lineEnd);
    if (!/^(?:0|[1-9a-f][0-9a-f]{0,12})$/.test(digits)) throw new Error(`chunk size: ${digits}`);
    const size = Number.parseInt(digits, 16);
    at = lineEnd + 2;
    if (size === 0) return readTrailers(text, at, { startLine, fields, body });
    if (text.length < at + size + 2) return undefined;
    body += text.slice(at, at + size);
    if (text.slice(at + size, at + size + 2) !== "\r\n") throw new Error("chunk end");
    at += size + 2;
  }
}

function readTrailers(
  text: string,
  at: number,
  message: Pick<StrictMessage, "startLine" | "fields" | "body">,
): StrictMessage | undefined {
  if (text.startsWith("\r\n", at)) return { ...message, trailers: [], length: at + 2 };
  const end = text.indexOf("\r\n\r\n", at);
  if (end < 0) return undefined;
  const trailers = text.slice(at, end).split("\r\n");
  for (const line of trailers) {
    const [name] = readField(line);
    if (/^(?:content-length|transfer-encoding|host|trailer|authorization)$/.test(name))
      throw new Error(`trailer ${name}`);
  }
  return { ...message, trailers, length: end + 4 };
}
