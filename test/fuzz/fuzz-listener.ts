import assert from "node:assert/strict";
import type { RequestHead } from "../../data-plane/http1/message.ts";
import { seededRandom, type Random } from "../../shared/random.ts";
import { decodeRequests } from "../data-plane/http1/decode-all.ts";
import { ProxyFixture, turns, type Ends } from "../support/proxy-fixture.ts";
import { RawClient } from "../support/raw-client.ts";
import { RecordingUpstream } from "../support/recording-upstream.ts";
import { strictRefusal, strictResponse, type StrictMessage } from "../support/strict-parser.ts";
import { randomRequests } from "./random-requests.ts";

const CONCURRENCY = 16;
/** A connection on which the client has said everything is over long before. */
const HANG_MS = 60_000;

/** What one request must be when it reaches the upstream. */
interface Expected {
  readonly line: string;
  readonly id: string | undefined;
  readonly body: string;
}

/**
 * Random requests on many connections at once through a real listener. What reaches the upstream is read there in one way
 * only, is what the codec took, and is answered to the one who sent it; everything else is refused, and every connection
 * ends. Throws at the first case that is otherwise; its message says how to repeat it.
 */
export async function fuzzListener(
  t: Ends,
  cases: number,
  seed: number,
  onProgress: (done: number) => void = () => undefined,
): Promise<void> {
  const upstream = new RecordingUpstream();
  const proxy = await new ProxyFixture([await upstream.listen(t)], { match: () => true }).start(t);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < cases) {
      const index = next;
      next += 1;
      await oneCase({ proxy, upstream, seed, index });
      if (index % 1_000 === 999) onProgress(index + 1);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  await proxy.until(() => proxy.listener.connections === 0, "all clients have left");
  assert.equal(proxy.listener.inFlight, 0);
  assert.equal(proxy.active, 0);
}

interface Case {
  readonly proxy: ProxyFixture;
  readonly upstream: RecordingUpstream;
  readonly seed: number;
  readonly index: number;
}

async function oneCase({ proxy, upstream, seed, index }: Case): Promise<void> {
  // Of its own, so that a case can be repeated alone.
  const random = seededRandom(seed + index);
  const bytes = randomRequests(random, String(index));
  const text = bytes.toString("latin1");
  const where = (): string => `seed ${seed}, case ${index}: ${JSON.stringify(text)}`;
  const received = await converse(proxy.port, random, text, where);
  if (upstream.violations.length > 0) assert.fail(`${upstream.violations.join("\n")}\n${where()}`);
  if (proxy.bugs.length > 0) assert.fail(`${proxy.bugs.map(String).join("\n")}\n${where()}`);
  const expected = decodeRequests([Buffer.from(bytes)]).messages.map(({ head, body }) => expectedOf(head, body));
  let rest = received;
  for (let number = 0; rest !== ""; number += 1) {
    const own = expected[number];
    const method = own?.line.split(" ")[0] ?? "";
    const response = own === undefined ? strictRefusal(rest) : strictResponse(rest, method, true);
    if (response === undefined) return assert.fail(`an unfinished response ${JSON.stringify(rest)}: ${where()}`);
    rest = rest.slice(response.length);
    if (own === undefined) {
      if (response.status < 400 || !response.closes || rest !== "") assert.fail(`an answer to nothing: ${where()}`);
    } else if (response.status !== 200) assert.fail(`${response.status} for request ${number}: ${where()}`);
    else if (method !== "HEAD") assertOwn(upstream.requests[Number(response.body.slice(1))], own, where);
  }
}

function expectedOf(head: RequestHead, body: string): Expected {
  const at = head.headers.findIndex((name, index) => index % 2 === 0 && name === "x-id");
  return {
    line: `${head.method} ${head.path}${head.query} HTTP/1.1`,
    id: at < 0 ? undefined : head.headers[at + 1],
    body,
  };
}

/** The answer was made for this request and no other. */
function assertOwn(seen: StrictMessage | undefined, own: Expected, where: () => string): void {
  const id = seen?.fields.find(([name]) => name === "x-id")?.[1];
  if (seen?.startLine === own.line && seen.body === own.body && id === own.id) return;
  assert.fail(`${seen?.startLine} ${id} is answered for ${own.line} ${own.id}: ${where()}`);
}

/** Sends the text in some pieces, closes, and gives everything that comes back before the connection is closed. */
async function converse(port: number, random: Random, text: string, where: () => string): Promise<string> {
  const client = await RawClient.connect(port);
  const hang = setTimeout(() => client.socket.destroy(new Error("hang")), HANG_MS);
  let at = 0;
  for (let pieces = random.below(4); pieces > 0; pieces -= 1) {
    const end = at + random.below(text.length - at + 1);
    client.write(text.slice(at, end));
    at = end;
    await turns(2);
  }
  if (!client.isClosed) client.socket.end(text.slice(at), "latin1");
  await client.closed();
  clearTimeout(hang);
  if (client.wasReset) assert.fail(`reset or hang: ${where()}`);
  return client.received;
}
