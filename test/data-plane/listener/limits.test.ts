import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";

import { CODEC_LIMITS } from "../../../data-plane/http1/codec-limits.ts";
import { POLITE_REFUSALS_MAX } from "../../../shared/limits.ts";
import { answering, ProxyFixture, scriptedUpstream } from "../../support/proxy-fixture.ts";
import { RawClient } from "../../support/raw-client.ts";

const GET = "GET / HTTP/1.1\r\nHost: reviews\r\n\r\n";
const ok = answering(() => "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");

describe("a listener without room", () => {
  it("answers the first request of a new connection with 503, closes it, and has room again later", async (t) => {
    const listener = { connectionsMax: 2 };
    const proxy = await new ProxyFixture([await scriptedUpstream(t, ok)], { listener }).start(t);
    const first = await proxy.connect();
    const second = await proxy.connect();
    await proxy.until(() => proxy.listener.connections === 2, "both are accepted");
    const third = await proxy.connect();
    third.write(`POST / HTTP/1.1\r\nHost: reviews\r\ncontent-length: 5\r\n\r\nhello${GET}`);
    const refusal = await third.response();
    assert.match(
      refusal,
      /^HTTP\/1\.1 503 .*\r\nx-heddle-error: overload\r\nretry-after: 1\r\n.*connection: close\r\n/s,
    );
    await third.ended();
    assert.equal(third.received, "");
    third.socket.end();
    await third.closed();
    assert.equal(third.wasReset, false);
    assert.equal(proxy.listener.refusals.connections, 1);
    assert.equal(proxy.last().flag, "OM");
    assert.equal(proxy.active, 0);
    first.destroy();
    await proxy.until(() => proxy.listener.connections === 1, "one has left");
    for (const client of [second, await proxy.connect()]) {
      client.write(GET);
      assert.match(await client.response(), /^HTTP\/1\.1 200 /);
    }
  });

  it("closes what is more than it can refuse in words", async (t) => {
    const proxy = await new ProxyFixture([1], { listener: { connectionsMax: 1 } }).start(t);
    await proxy.connect();
    const refused = await Promise.all(Array.from({ length: POLITE_REFUSALS_MAX }, () => proxy.connect()));
    await proxy.until(() => proxy.listener.refusals.connections === POLITE_REFUSALS_MAX, "they wait for their refusal");
    const more = await proxy.connect();
    await more.ended();
    assert.equal(more.received, "");
    assert.equal(proxy.listener.refusals.connections, POLITE_REFUSALS_MAX + 1);
    for (const client of refused) client.destroy();
    await proxy.until(() => proxy.listener.connections === 1, "they have left");
    assert.match(await proxy.send(GET), /^HTTP\/1\.1 503 .*x-heddle-error: overload/s);
  });

  it("for one client still has room for others", async (t) => {
    const listener = { connectionsPerClientMax: 1 };
    const proxy = await new ProxyFixture([await scriptedUpstream(t, ok)], { listener }).start(t);
    const first = await proxy.connect();
    first.write(GET);
    assert.match(await first.response(), /^HTTP\/1\.1 200 /);
    assert.match(await proxy.send(GET), /^HTTP\/1\.1 503 /);
    assert.deepEqual(proxy.listener.refusals, { connections: 0, client: 1, descriptors: 0 });
    const other = await RawClient.connect(proxy.port, "127.0.0.2");
    other.write(GET);
    assert.match(await other.response(), /^HTTP\/1\.1 200 /);
    other.destroy();
    first.destroy();
    await proxy.until(() => proxy.listener.connections === 0, "all have left");
    assert.match(await proxy.send(GET), /^HTTP\/1\.1 200 /);
  });
});

describe("a connection", () => {
  it("ends with the last request that it may carry", async (t) => {
    const listener = { requestsPerConnectionMax: 3 };
    const proxy = await new ProxyFixture([await scriptedUpstream(t, ok)], { listener }).start(t);
    const client = await proxy.connect();
    client.write(GET.repeat(4));
    for (let i = 0; i < 2; i += 1) assert.doesNotMatch(await client.response(), /connection: close/);
    assert.match(await client.response(), /\r\nconnection: close\r\n/);
    await client.ended();
    assert.equal(client.received, "");
    assert.equal(proxy.listener.exhausted, 1);
    assert.equal(proxy.sink.finished.length, 3);
  });
});

describe("a body beyond its bound", () => {
  const codec = { limits: { ...CODEC_LIMITS, bodyBytesMax: 1_000 } };

  it("of a known length is refused with 413 before it comes, and the client sees it while it sends", async (t) => {
    const proxy = await new ProxyFixture([1], { listener: { codec } }).start(t);
    const client = await proxy.connect();
    client.write(`POST / HTTP/1.1\r\nHost: reviews\r\ncontent-length: 1001\r\n\r\n`);
    const refusal = await client.response();
    assert.match(refusal, /^HTTP\/1\.1 413 Content Too Large\r\nx-heddle-error: body_too_large\r\n/);
    assert.match(refusal, /\r\nconnection: close\r\n/);
    client.socket.end("x".repeat(1_001));
    await client.closed();
    assert.equal(client.wasReset, false);
    assert.equal(client.received, "");
    assert.equal(proxy.last().flag, "DPE");
    assert.equal(proxy.last().attempts, 0);
  });

  it("of chunks is refused with 413 when it is reached, and the upstream is let go", async (t) => {
    const proxy = await new ProxyFixture([await scriptedUpstream(t, ok)], { listener: { codec } }).start(t);
    const client = await proxy.connect();
    client.write(`POST / HTTP/1.1\r\nHost: reviews\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n`);
    await proxy.until(() => proxy.active === 1, "the request is under way");
    client.write("3e6\r\n");
    assert.match(await client.response(), /^HTTP\/1\.1 413 .*x-heddle-error: body_too_large/s);
    await proxy.until(() => proxy.upstreamConnections === 0, "no unfinished request is left at the upstream");
    assert.equal(proxy.active, 0);
  });

  it("is none when it is as long as it may be", async (t) => {
    const proxy = await new ProxyFixture([await scriptedUpstream(t, ok)], { listener: { codec } }).start(t);
    const body = "x".repeat(1_000);
    const response = await proxy.send(`POST / HTTP/1.1\r\nHost: reviews\r\ncontent-length: 1000\r\n\r\n${body}`);
    assert.match(response, /^HTTP\/1\.1 200 /);
  });
});

describe("a process at its limit of descriptors", { skip: process.platform === "linux" ? false : "Linux only" }, () => {
  it("refuses new connections in words, serves those it has, and recovers", async (t) => {
    const limit = 150;
    const script = new URL("../../support/serve-until-stdin-ends.ts", import.meta.url).pathname;
    const upstream = await scriptedUpstream(t, ok);
    const child = spawn(
      "sh",
      ["-c", `ulimit -n ${limit}; exec "$0" "$1" "$2"`, process.execPath, script, `${upstream}`],
      {
        stdio: ["pipe", "pipe", "inherit"],
      },
    );
    const [line] = (await once(createInterface(child.stdout), "line")) as [string];
    const port = Number(line);
    const ask = async (client: RawClient): Promise<string> => {
      client.write(GET);
      return (await client.response()).slice(9, 12);
    };
    const clients: RawClient[] = [];
    let refused = 0;
    while (refused < 5) {
      const client = await RawClient.connect(port);
      const status = await ask(client);
      if (status === "503") {
        refused += 1;
        client.destroy();
      } else {
        assert.equal(status, "200");
        clients.push(client);
      }
      assert.ok(clients.length < limit, "the limit is never reached");
    }
    assert.ok(clients.length > 20, `only ${clients.length} were served`);
    const [first] = clients;
    assert.ok(first !== undefined);
    assert.equal(await ask(first), "200");
    // Far more than there are descriptors: what cannot even be refused is closed, and nothing stands still.
    const flood = await Promise.all(Array.from({ length: 2 * limit }, () => RawClient.connect(port)));
    assert.equal(await ask(first), "200");
    for (const client of [...flood, ...clients]) client.destroy();
    for (let status = "503"; status !== "200";) {
      const client = await RawClient.connect(port);
      status = await ask(client).catch(() => "closed");
      client.destroy();
    }
    child.stdin.end();
    const [code] = await once(child, "exit");
    assert.equal(code, 0);
  });
});
