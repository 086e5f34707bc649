import assert from "node:assert/strict";
import { createServer, type AddressInfo, type Server } from "node:net";
import { afterEach, describe, it } from "node:test";

import { chunked, ChunkedBody } from "../../bench/load/chunked-body.ts";
import { closedLoop } from "../../bench/load/closed-loop.ts";
import { openLoop } from "../../bench/load/open-loop.ts";
import { idText, payloadAfterId, PayloadCheck } from "../../bench/load/payload.ts";
import { requestTemplate, SMALL_BYTES } from "../../bench/load/shapes.ts";

const LENGTH = 200_000;

function bodyOf(id: number, length = LENGTH): Buffer {
  return Buffer.concat([Buffer.from(idText(id)), payloadAfterId(length)]);
}

function checkOf(id: number, body: Buffer, pieceBytes: number): boolean {
  const check = new PayloadCheck();
  check.begin(idText(id), LENGTH);
  for (let at = 0; at < body.length; at += pieceBytes) check.take(body, at, Math.min(body.length, at + pieceBytes));
  return check.isWhole;
}

describe("the check of a body", () => {
  it("accepts it in any pieces", () => {
    for (const pieceBytes of [1, 7, 8, 9, 65_536, 70_000, LENGTH]) assert.ok(checkOf(3, bodyOf(3), pieceBytes));
  });

  it("refuses another request's body, a missing byte, one too many, and one that differs", () => {
    assert.ok(!checkOf(3, bodyOf(4), 1_000));
    assert.ok(!checkOf(3, bodyOf(3).subarray(0, -1), 1_000));
    assert.ok(!checkOf(3, Buffer.concat([bodyOf(3), Buffer.from("a")]), 1_000));
    for (const at of [8, 65_535, 65_536, LENGTH - 1]) {
      const body = bodyOf(3);
      body[at] = 0;
      assert.ok(!checkOf(3, body, 1_000), `byte ${at}`);
    }
    const slipped = bodyOf(3);
    slipped.copyWithin(8, 4_104);
    assert.ok(!checkOf(3, slipped, 1_000));
  });
});

describe("a chunked body", () => {
  const bytes = chunked([Buffer.from(idText(9)), payloadAfterId(LENGTH)], 5_000);

  it("is read in any pieces, and what follows is left", () => {
    const stream = Buffer.concat([bytes, Buffer.from("HTTP/1.1")]);
    for (const pieceBytes of [1, 3, 4_096, stream.length]) {
      const [reader, check] = [new ChunkedBody(), new PayloadCheck()];
      check.begin(idText(9), LENGTH);
      let at = 0;
      while (!reader.isDone) at += reader.read(stream.subarray(at, at + pieceBytes), 0, check.take);
      assert.equal(at, bytes.length);
      assert.ok(check.isWhole);
    }
  });

  it("with a size that is none is an error", () => {
    const reader = new ChunkedBody();
    assert.throws(() => reader.read(Buffer.from("3\r\nabcd\r\n"), 0, () => undefined), /size says/);
    reader.begin();
    assert.throws(() => reader.read(Buffer.from("xyz\r\n"), 0, () => undefined), /chunk size/);
  });
});

describe("the load generator", () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  /** Answers each request with what `respond` makes of its id. */
  async function upstream(respond: (id: string) => string): Promise<number> {
    const server = createServer((socket) => {
      socket.on("error", () => socket.destroy());
      socket.on("data", (bytes) => {
        const id = /\/s\/(\d+)/.exec(bytes.toString("latin1"))?.[1] ?? "";
        socket.write(respond(id));
      });
    }).listen(0, "127.0.0.1");
    servers.push(server);
    await new Promise((resolve) => server.once("listening", resolve));
    return (server.address() as AddressInfo).port;
  }

  const rest = payloadAfterId(SMALL_BYTES).toString("latin1");
  const honest = (id: string): string =>
    `HTTP/1.1 200 OK\r\nContent-Length: ${SMALL_BYTES}\r\nX-Bench-Id: ${id}\r\n\r\n${id}${rest}`;

  it("counts what was answered", async () => {
    const port = await upstream(honest);
    const order = { kind: "closed", shape: "get", connections: 2, seconds: 0.05, port, authority: "a" } as const;
    const { requests, payloadBytes } = await closedLoop(order);
    assert.ok(requests >= 2);
    assert.equal(payloadBytes, requests * SMALL_BYTES);
  });

  it("fails the run on the response of another request", async () => {
    const port = await upstream((id) => honest(id === "00000005" ? "00000004" : id));
    const order = { kind: "closed", shape: "get", connections: 1, seconds: 5, port, authority: "a" } as const;
    await assert.rejects(closedLoop(order), /body of another request/);
  });

  it("fails the run on the head of another request", async () => {
    const port = await upstream((id) => honest(id).replace(/Bench-Id: \d+/, "Bench-Id: 99999999"));
    const order = { kind: "closed", shape: "get", connections: 1, seconds: 5, port, authority: "a" } as const;
    await assert.rejects(closedLoop(order), /response of another request/);
  });

  it("fails the run on an error status and on a closed connection", async () => {
    const port = await upstream(() => "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
    const order = { kind: "closed", shape: "get", connections: 1, seconds: 5, port, authority: "a" } as const;
    await assert.rejects(closedLoop(order), /503/);
  });

  it("in the open loop sends as many as were due, and times each from then", async () => {
    const port = await upstream(honest);
    const order = {
      kind: "open",
      shape: "get",
      connections: 4,
      seconds: 0.1,
      perSecond: 500,
      port,
      authority: "a",
    } as const;
    const { requests, timing } = await openLoop(order);
    assert.equal(requests, 50);
    assert.ok(
      timing !== undefined && timing.p50Ms > 0 && timing.p999Ms >= timing.p99Ms && timing.p99Ms >= timing.p50Ms,
    );
  });

  it("puts the id wherever the template has a gap for it", () => {
    const { bytes, idOffsets } = requestTemplate("post-16k", "reviews");
    assert.equal(idOffsets.length, 3);
    for (const offset of idOffsets) assert.equal(bytes.toString("latin1", offset, offset + 8), "########");
    assert.match(bytes.toString("latin1"), /^POST \/s\/#{8}\?full=1 HTTP\/1.1\r\nhost: reviews\r\n/);
  });
});
