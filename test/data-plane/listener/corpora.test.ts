/**
 * The corpora through a real listener. Whatever bytes come, what reaches the upstream is read there by a parser that has
 * nothing of ours, and must be the requests that the codec took; each answer must be the one to its request.
 *
 * Each entry runs whole and at some splits of its bytes; `HEDDLE_ALL_SPLITS=1` runs every one.
 */

import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";

import type { PathMode } from "../../../data-plane/http1/path-mode.ts";
import { seededRandom } from "../../../shared/random.ts";
import {
  desyncCorpus,
  desyncMessage,
  llhttpCorpus,
  pathCorpus,
  payloadText,
  withHost,
} from "../../support/http-corpora.ts";
import { answering, ProxyFixture, scriptedUpstream, turns } from "../../support/proxy-fixture.ts";
import { RecordingUpstream } from "../../support/recording-upstream.ts";
import { strictRefusal, strictResponse, type StrictResponse } from "../../support/strict-parser.ts";
import { bytesOf, decodeRequests } from "../http1/decode-all.ts";

const ALL_SPLITS = process.env["HEDDLE_ALL_SPLITS"] === "1";
const SPLITS = 3;
const random = seededRandom(20_260_103);

/** Whole, then cut at some offsets or at each. */
function cutsOf(text: string): readonly number[] {
  if (ALL_SPLITS) return Array.from(text, (_, at) => at);
  return [0, ...Array.from({ length: SPLITS }, () => random.below(text.length))];
}

interface Mesh {
  readonly proxy: ProxyFixture;
  readonly upstream: RecordingUpstream;
}

async function mesh(t: TestContext, pathMode: PathMode = "reject"): Promise<Mesh> {
  const upstream = new RecordingUpstream();
  const options = { match: () => true, listener: { codec: { pathMode } } };
  const proxy = await new ProxyFixture([await upstream.listen(t)], options).start(t);
  return { proxy, upstream };
}

/** Sends the text in two pieces, closes, and gives the answers; none of them is anybody else's. */
async function exchange({ proxy, upstream }: Mesh, text: string, cut: number): Promise<readonly StrictResponse[]> {
  const before = upstream.requests.length;
  const client = await proxy.connect();
  if (cut > 0) {
    client.write(text.slice(0, cut));
    await turns(3);
  }
  client.socket.end(text.slice(cut), "latin1");
  await client.closed();
  assert.deepEqual(upstream.violations, []);
  const seen = upstream.requests.slice(before);
  const responses: StrictResponse[] = [];
  for (let rest = client.received; rest !== "";) {
    const method = seen[responses.length]?.startLine.split(" ")[0];
    const response = method === undefined ? strictRefusal(rest) : strictResponse(rest, method, true);
    assert.ok(response !== undefined, `an unfinished response: ${JSON.stringify(rest)}`);
    if (response.status === 200 && method !== "HEAD") assert.equal(response.body, `#${before + responses.length}`);
    responses.push(response);
    rest = rest.slice(response.length);
    assert.ok(rest === "" || !response.closes, "nothing follows a last response");
  }
  assert.deepEqual(
    responses.slice(0, seen.length).map(({ status }) => status),
    seen.map(() => 200),
  );
  assert.ok(responses.length <= seen.length + 1);
  return responses;
}

/** How many requests the codec takes before the first that it refuses; nothing is read after one for another protocol. */
function taken(text: string): { readonly count: number; readonly status: number } {
  const { messages, end } = decodeRequests([bytesOf(text)]);
  const switching = messages.findIndex(({ head }) => head.upgrade !== "");
  if (switching >= 0 && (messages.length > switching + 1 || end !== "more")) return { count: switching + 1, status: 0 };
  return { count: messages.length, status: typeof end === "object" ? end.status : 0 };
}

async function asTheCodec(made: Mesh, text: string, name: string): Promise<void> {
  const { count, status } = taken(text);
  for (const cut of cutsOf(text)) {
    const before = made.upstream.requests.length;
    const responses = await exchange(made, text, cut);
    assert.equal(made.upstream.requests.length - before, count, `${name} cut at ${cut}`);
    if (status !== 0) assert.equal(responses.at(-1)?.status, status, `${name} cut at ${cut}`);
    if (status !== 0) assert.ok(responses.at(-1)?.closes, name);
  }
}

describe("through a listener", () => {
  const llhttp = llhttpCorpus();
  const desync = desyncCorpus();
  const paths = pathCorpus();

  it("llhttp's requests arrive as the codec took them, or not at all", { skip: llhttp.skip }, async (t) => {
    const made = await mesh(t);
    for (const entry of llhttp.entries) {
      if (entry.type === "request") await asTheCodec(made, withHost(payloadText(entry)), entry.id);
    }
    await made.proxy.until(() => made.proxy.listener.connections === 0, "all have left");
    assert.equal(made.proxy.active, 0);
  });

  it("lenient requests arrive in one reading, or not at all", { skip: llhttp.skip }, async (t) => {
    const made = await mesh(t);
    for (const entry of llhttp.entries) {
      if (entry.type.startsWith("request-")) await exchange(made, withHost(payloadText(entry)), 0);
    }
  });

  it("desync payloads arrive in one reading, or not at all", { skip: desync.skip }, async (t) => {
    const made = await mesh(t);
    for (const entry of desync.entries) {
      const before = made.upstream.requests.length;
      await asTheCodec(made, desyncMessage(entry), entry.id);
      if (entry.tier === "Severe") assert.equal(made.upstream.requests.length, before, entry.id);
    }
  });

  it("llhttp's responses come as one response, or as 502, or cut", { skip: llhttp.skip }, async (t) => {
    let payload = "";
    let cut = 0;
    const port = await scriptedUpstream(t, (socket) => {
      socket.on("data", (bytes: Buffer) => {
        if (bytes.includes("/control")) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\ncontrol");
        else {
          socket.write(payload.slice(0, cut), "latin1");
          setImmediate(() => setImmediate(() => socket.end(payload.slice(cut), "latin1")));
        }
      });
    });
    const proxy = await new ProxyFixture([port], { match: () => true }).start(t);
    for (const entry of llhttp.entries.filter(({ type }) => type.startsWith("response"))) {
      payload = payloadText(entry);
      for (cut of cutsOf(payload)) {
        const client = await proxy.connect();
        client.socket.end("POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 0\r\n\r\n");
        await client.closed();
        assertOneResponse(client.received, client.wasReset, `${entry.id} cut at ${cut}`);
        const control = await proxy.send("GET /control HTTP/1.1\r\nHost: a\r\n\r\n");
        assert.match(control, /\r\n\r\ncontrol$/, entry.id);
      }
    }
  });

  it("a path is the same for router, log and upstream, in every mode", { skip: paths.skip }, async (t) => {
    const modes: readonly (readonly [string, PathMode])[] = [
      ["None", "none"],
      ["Base", "base"],
      ["MergeSlashes", "merge-slashes"],
      ["DecodeAndMergeSlashes", "decode-and-merge-slashes"],
      ["Invalid", "decode-and-merge-slashes"],
    ];
    for (const [group, pathMode] of modes) {
      // Not the strict reader: the mode "none" passes backslashes on, and it takes none.
      const arrived: string[] = [];
      const upstream = answering((request) => {
        arrived.push(request.slice(0, request.indexOf("\r\n")));
        return "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
      });
      const routed: string[] = [];
      const options = {
        match: ({ path }: { readonly path: string }) => routed.push(path) > 0,
        listener: { codec: { pathMode } },
      };
      const proxy = await new ProxyFixture([await scriptedUpstream(t, upstream)], options).start(t);
      for (const { inp, out } of paths.entries.filter((entry) => entry.group === group)) {
        const path = inp.replace(/#.*/, "");
        const response = await proxy.send(`GET ${path}?q HTTP/1.1\r\nHost: a\r\n\r\n`);
        if (out === "400") {
          assert.match(response, /^HTTP\/1\.1 400 /);
          continue;
        }
        assert.match(response, /^HTTP\/1\.1 200 /, `${group} ${inp}`);
        assert.equal(routed.at(-1), out);
        assert.equal(proxy.last().path, out);
        assert.equal(arrived.at(-1), `GET ${out}?q HTTP/1.1`);
      }
    }
  });
});

function assertOneResponse(received: string, wasReset: boolean, name: string): void {
  let rest = received;
  let isFinal = false;
  while (rest !== "") {
    assert.ok(!isFinal, `${name}: something after the response: ${JSON.stringify(rest)}`);
    const response = strictResponse(rest, "POST", !wasReset);
    if (response === undefined) {
      assert.ok(wasReset, `${name}: an unfinished response that ends well`);
      return;
    }
    isFinal = response.status >= 200;
    rest = rest.slice(response.length);
  }
  assert.ok(isFinal || wasReset, `${name}: no response`);
}
