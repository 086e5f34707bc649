import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";

import {
  answering,
  ProxyFixture,
  scriptedUpstream,
  turns,
  type ConnectionScript,
} from "../../support/proxy-fixture.ts";
import { bodyOf } from "../../support/raw-client.ts";

const HOST = "Host: reviews\r\n";
const GET = `GET / HTTP/1.1\r\n${HOST}\r\n`;

async function before(t: TestContext, script: ConnectionScript): Promise<ProxyFixture> {
  return new ProxyFixture([await scriptedUpstream(t, script)]).start(t);
}

/** Answers every request with `text`, and closes after it. */
function answerAndClose(text: string): ConnectionScript {
  return (socket) => {
    socket.once("data", () => socket.end(text, "latin1"));
  };
}

describe("a response on its way down", () => {
  it("keeps its length", async (t) => {
    const proxy = await before(
      t,
      answering(() => "HTTP/1.1 200 Fine\r\nContent-Length: 3\r\nDate: x\r\n\r\nabc"),
    );
    assert.equal(await proxy.send(GET), "HTTP/1.1 200 Fine\r\ndate: x\r\ncontent-length: 3\r\n\r\nabc");
  });

  it("keeps its chunks' content, whatever their borders and splits, and drops their extensions", async (t) => {
    const text = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;x=1\r\nabc\r\n5\r\ndefgh\r\n0\r\n\r\n";
    const proxy = await before(t, (socket) => {
      socket.on("data", () => {
        for (const byte of text) socket.write(byte, "latin1");
      });
    });
    const client = await proxy.connect();
    for (let i = 0; i < 3; i += 1) {
      client.write(GET);
      const response = await client.response();
      assert.equal(bodyOf(response), "abcdefgh");
      assert.doesNotMatch(response, /x=1/);
    }
    assert.equal(proxy.upstreamConnections, 1);
  });

  it("without a length becomes chunks for HTTP/1.1 and ends with the connection for HTTP/1.0", async (t) => {
    const proxy = await before(t, answerAndClose("HTTP/1.1 200 OK\r\n\r\nuntil the end"));
    const response = await proxy.send(GET);
    assert.match(response, /\r\ntransfer-encoding: chunked\r\n/);
    assert.equal(bodyOf(response), "until the end");
    const old = await proxy.send(`GET / HTTP/1.0\r\n${HOST}connection: keep-alive\r\n\r\n`);
    assert.match(old, /\r\nconnection: close\r\n/);
    assert.doesNotMatch(old, /transfer-encoding/);
    assert.equal(bodyOf(old), "until the end");
  });

  it("in chunks loses them for HTTP/1.0", async (t) => {
    const chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    const proxy = await before(
      t,
      answering(() => chunked),
    );
    const response = await proxy.send(`GET / HTTP/1.0\r\n${HOST}\r\n`);
    assert.doesNotMatch(response, /transfer-encoding/);
    assert.equal(bodyOf(response), "abc");
  });

  it("has no body for HEAD, 204 and 304, whatever its head says, and the connections live on", async (t) => {
    const proxy = await before(
      t,
      answering((request) => {
        if (request.startsWith("HEAD")) return "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n";
        if (request.includes("/204")) return "HTTP/1.1 204 No Content\r\n\r\n";
        return "HTTP/1.1 304 Not Modified\r\ncontent-length: 77\r\netag: x\r\n\r\n";
      }),
    );
    const client = await proxy.connect();
    client.write(`HEAD / HTTP/1.1\r\n${HOST}\r\n`);
    assert.equal(await client.response("HEAD"), "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
    client.write(`GET /204 HTTP/1.1\r\n${HOST}\r\n`);
    assert.equal(await client.response(), "HTTP/1.1 204 No Content\r\n\r\n");
    client.write(`GET /304 HTTP/1.1\r\n${HOST}\r\n`);
    assert.equal(await client.response(), "HTTP/1.1 304 Not Modified\r\netag: x\r\ncontent-length: 77\r\n\r\n");
    assert.equal(proxy.upstreamConnections, 1);
    assert.equal(client.received, "");
  });

  it("is preceded by its 1xx, but not for HTTP/1.0", async (t) => {
    const hints = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
    const proxy = await before(
      t,
      answering(() => `${hints}${hints}HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n`),
    );
    const client = await proxy.connect();
    client.write(GET);
    assert.equal(await client.response(), hints);
    assert.equal(await client.response(), hints);
    assert.match(await client.response(), /^HTTP\/1\.1 200 OK/);
    assert.match(await proxy.send(`GET / HTTP/1.0\r\n${HOST}\r\n`), /^HTTP\/1\.1 200 OK/);
  });

  it("is 502 after too many 1xx, and after a 101 nobody asked for", async (t) => {
    const proxy = await before(t, (socket) => {
      socket.on("data", (bytes: Buffer) => {
        if (bytes.includes("/many")) socket.write("HTTP/1.1 102 Processing\r\n\r\n".repeat(9));
        else socket.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n");
      });
    });
    const client = await proxy.connect();
    client.write(`GET /many HTTP/1.1\r\n${HOST}\r\n`);
    for (let i = 0; i < 8; i += 1) assert.match(await client.response(), /^HTTP\/1\.1 102 /);
    assert.match(await client.response(), /^HTTP\/1\.1 502 /);
    assert.match(await proxy.send(GET), /^HTTP\/1\.1 502 .*x-heddle-error: upstream-protocol/s);
    assert.equal(proxy.last().flag, "UPE");
  });

  it("brings its allowed trailers to a client that takes them, and to no other", async (t) => {
    const text =
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\ngrpc-status: 0\r\nhost: evil\r\n\r\n";
    const proxy = await before(
      t,
      answering(() => text),
    );
    const taker = await proxy.connect();
    taker.write(`GET / HTTP/1.1\r\n${HOST}te: trailers\r\nconnection: te\r\n\r\n`);
    assert.match(await taker.response(), /\r\n0\r\ngrpc-status: 0\r\n\r\n$/);
    assert.match(await proxy.send(GET), /\r\n0\r\n\r\n$/);
  });
});

describe("a response that is not what it says", () => {
  it("and ends before its length cuts the client off instead of ending well", async (t) => {
    const proxy = await before(t, answerAndClose("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this"));
    const client = await proxy.connect();
    client.write(GET);
    await client.closed();
    assert.equal(client.wasReset, true);
    assert.equal(proxy.last().flag, "UPE");
    assert.equal(proxy.last().status, 200);
  });

  it("and ends in the middle of its chunks does so too", async (t) => {
    const proxy = await before(t, answerAndClose("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc"));
    const client = await proxy.connect();
    client.write(GET);
    await client.closed();
    assert.equal(client.wasReset, true);
    assert.doesNotMatch(client.received, /\r\n0\r\n/);
  });

  it("and is reset while it has no length does so too", async (t) => {
    const proxy = await before(t, (socket) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\nhalf of it", () => setImmediate(() => socket.resetAndDestroy()));
      });
    });
    const client = await proxy.connect();
    client.write(GET);
    await client.closed();
    assert.equal(client.wasReset, true);
  });

  it("is 502 when it breaks the protocol, or dies within its head", async (t) => {
    const bad = [
      "ICY 200 OK\r\n\r\n",
      "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx",
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\nabc",
      "HTTP/1.1 200 OK\r\nbroken",
    ];
    const proxy = await before(t, (socket, number) => {
      socket.once("data", () => socket.end(bad[number] ?? "", "latin1"));
    });
    for (const text of bad) {
      assert.match(await proxy.send(GET), /^HTTP\/1\.1 502 Bad Gateway\r\n/, text);
      assert.equal(proxy.last().flag, "UPE");
    }
    assert.equal(proxy.active, 0);
    assert.equal(proxy.upstreamConnections, 0);
  });

  it("and is followed by more bytes gives them to nobody", async (t) => {
    const stray = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison";
    const good = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood";
    const proxy = await before(
      t,
      answering((_, number) => (number === 0 ? good + stray : stray)),
    );
    const client = await proxy.connect();
    for (let i = 0; i < 5; i += 1) {
      client.write(GET);
      assert.equal(bodyOf(await client.response()), "good");
    }
    assert.equal(proxy.upstreamConnections, 0);
  });

  it("and has a body where none may be closes its connection", async (t) => {
    const proxy = await before(
      t,
      answering(() => "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"),
    );
    const client = await proxy.connect();
    for (let i = 0; i < 3; i += 1) {
      client.write(`HEAD / HTTP/1.1\r\n${HOST}\r\n`);
      assert.match(await client.response("HEAD"), /^HTTP\/1\.1 200 OK\r\ncontent-length: 5\r\n\r\n$/);
      assert.equal(proxy.upstreamConnections, 0);
    }
    assert.equal(client.received, "");
  });
});

describe("a request on its way up", () => {
  it("keeps its length, its chunks and its trailers", async (t) => {
    const seen: string[] = [];
    const proxy = await before(
      t,
      answering((request) => {
        seen.push(request);
        return "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
      }),
    );
    const client = await proxy.connect();
    client.write(`POST /a HTTP/1.1\r\n${HOST}content-length: 5\r\n\r\nhe`);
    client.write("llo");
    await client.response();
    client.write(`POST /b HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\n2;a=b\r\nhe\r\n`);
    client.write("3\r\nllo\r\n0\r\ngrpc-status: 0\r\ncontent-length: 3\r\n\r\n");
    await client.response();
    assert.match(seen[0] ?? "", /\r\ncontent-length: 5\r\n\r\nhello$/);
    assert.match(seen[1] ?? "", /\r\ntransfer-encoding: chunked\r\n/);
    assert.equal(bodyOf(seen[1] ?? ""), "hello");
    assert.match(seen[1] ?? "", /\r\n0\r\ngrpc-status: 0\r\n\r\n$/);
    assert.equal(proxy.last().bytesReceived, 5);
  });

  it("ends where an early answer does: the client gets it, and neither connection is used again", async (t) => {
    const connections: Socket[] = [];
    const proxy = await before(t, (socket) => {
      connections.push(socket);
      socket.once("data", () => socket.write("HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\n\r\nbig"));
    });
    const client = await proxy.connect();
    client.write(`POST / HTTP/1.1\r\n${HOST}content-length: 1000000\r\n\r\nabc`);
    assert.match(await client.response(), /^HTTP\/1\.1 413 /);
    assert.equal(proxy.upstreamConnections, 0);
    // The rest of the body is read and dropped while the client still sends, so that the answer is not lost.
    client.write(`GET /smuggled HTTP/1.1\r\n${HOST}\r\n${"d".repeat(10_000)}`);
    await client.ended();
    client.socket.end();
    await client.closed();
    assert.equal(client.wasReset, false);
    // Nothing of the body was taken for another request.
    assert.equal(client.received, "");
    assert.equal(proxy.sink.finished.length, 1);
    assert.equal(connections.length, 1);
  });

  it("does not lose an early answer to the reset of an upstream that closes at once", async (t) => {
    const proxy = await before(t, (socket) => {
      socket.once("data", () => {
        socket.pause();
        const answer = "HTTP/1.1 413 Content Too Large\r\nconnection: close\r\ncontent-length: 3\r\n\r\nbig";
        socket.write(answer, () => socket.destroy());
      });
    });
    for (let i = 0; i < 20; i += 1) {
      const client = await proxy.connect();
      client.write(`POST / HTTP/1.1\r\n${HOST}content-length: 100000000\r\n\r\n`);
      while (!client.isEnded && !client.isClosed && client.received === "") {
        client.socket.write(Buffer.alloc(20_000));
        await turns(1);
      }
      assert.match(await client.response(), /^HTTP\/1\.1 413 /);
      client.destroy();
    }
  });

  it("goes on while its answer already comes", async (t) => {
    const proxy = await before(t, (socket) => {
      let headSent = false;
      socket.on("data", (bytes: Buffer) => {
        if (!headSent) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n");
        else socket.write(bytes);
        headSent = true;
      });
    });
    const client = await proxy.connect();
    client.write(`POST / HTTP/1.1\r\n${HOST}content-length: 6\r\n\r\n`);
    await client.until(() => client.received.endsWith("\r\n\r\n"));
    client.write("abc");
    await client.until(() => client.received.endsWith("abc"));
    client.write("def");
    assert.equal(bodyOf(await client.response()), "abcdef");
    assert.equal(proxy.active, 0);
  });

  it("is given up when its client goes away", async (t) => {
    let closed = 0;
    const proxy = await before(t, (socket) => {
      socket.resume();
      socket.on("close", () => (closed += 1));
      socket.on("end", () => socket.end());
    });
    for (const end of ["reset", "end"]) {
      const client = await proxy.connect();
      client.write(GET);
      await proxy.until(() => proxy.active === 1, "the request is under way");
      if (end === "reset") client.socket.resetAndDestroy();
      else client.socket.destroy();
      await proxy.until(() => proxy.active === 0 || end === "end", "the request is given up");
    }
    await proxy.until(() => closed >= 1, "its connection closes");
    assert.equal(proxy.sink.finished[0]?.flag, "DC");
    assert.equal(proxy.sink.finished[0]?.status, 0);
  });
});
