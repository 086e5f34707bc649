/**
 * The parser of node:http (llhttp, strict), as a second opinion in tests. It is a private API of Node: absent, the tests
 * that ask it skip.
 */

import { createRequire } from "node:module";

export interface NodeMessage {
  readonly method: string;
  readonly target: string;
  /** Names as received, in order: name, value, name, value. */
  readonly headers: readonly string[];
  readonly keepAlive: boolean;
  body: string;
  complete: boolean;
}

export interface NodeOutcome {
  readonly messages: readonly NodeMessage[];
  /** llhttp's reason, or "". */
  readonly error: string;
  /** The last message switches protocols: what follows it was not read. */
  readonly upgrade: boolean;
}

interface Parser {
  [callback: number]: (...values: never[]) => number | void;
  initialize(type: number, resource: object, maxHeaderSize: number, lenientFlags: number): void;
  execute(bytes: Buffer): number | (Error & { readonly reason?: string });
}

interface ParserClass {
  new (): Parser;
  readonly REQUEST: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
}

const found = reach();

export const nodeParserSkip: string | false = found === undefined ? "node's parser cannot be reached" : false;
const methods: readonly string[] = found?.methods ?? [];

/** Runs whole bytes through node's parser as requests of one connection. */
export function nodeRequests(bytes: Buffer): NodeOutcome {
  if (found === undefined) throw new Error("node's parser cannot be reached");
  const { HTTPParser } = found;
  const parser = new HTTPParser();
  parser.initialize(HTTPParser.REQUEST, {}, 0, 0);
  const messages: NodeMessage[] = [];
  let early: string[] = [];
  let upgrade = false;
  let earlyTarget = "";
  // Trailers come here, and from then on the fields and the target of every later head too.
  parser[HTTPParser.kOnHeaders] = (headers: string[], target: string) => {
    early.push(...headers);
    earlyTarget = target;
  };
  parser[HTTPParser.kOnHeadersComplete] = (
    ...[, , headers, method, target, , , upgrades, keepAlive]: [
      number,
      number,
      string[] | undefined,
      number,
      string | undefined,
      unknown,
      unknown,
      boolean,
      boolean,
    ]
  ) => {
    upgrade = upgrades;
    const all = [...early, ...(headers ?? [])];
    early = [];
    const name = methods[method] ?? "";
    messages.push({ method: name, target: target ?? earlyTarget, headers: all, keepAlive, body: "", complete: false });
    return 0;
  };
  parser[HTTPParser.kOnBody] = (piece: Buffer) => {
    const last = messages.at(-1);
    if (last !== undefined) last.body += piece.toString("latin1");
  };
  parser[HTTPParser.kOnMessageComplete] = () => {
    const last = messages.at(-1);
    if (last !== undefined) last.complete = true;
    early = [];
  };
  const outcome = parser.execute(bytes);
  return { messages, error: typeof outcome === "number" ? "" : (outcome.reason ?? outcome.message), upgrade };
}

function reach(): { readonly HTTPParser: ParserClass; readonly methods: readonly string[] } | undefined {
  try {
    // A private module: its shape is what Node 20 to 26 have.
    const common = createRequire(import.meta.url)("_http_common") as {
      HTTPParser: ParserClass;
      methods: readonly string[];
    };
    return new common.HTTPParser() instanceof common.HTTPParser ? common : undefined;
  } catch {
    return undefined;
  }
}
