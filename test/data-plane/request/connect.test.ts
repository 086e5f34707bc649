import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ProxyFixture, scriptedUpstream, type ConnectionScript } from "../../support/proxy-fixture.ts";

describe("CONNECT", () => {
  const echo: ConnectionScript = (socket) => {
    socket.on("data", (bytes: Buffer) => socket.write(bytes));
    socket.on("end", () => socket.end());
  };
  const connect = (authority: string): string => `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`;

  it("opens a tunnel to a host outside the mesh", async (t) => {
    const port = await scriptedUpstream(t, echo);
    const proxy = await new ProxyFixture([1], { egress: true }).start(t);
    for (const host of ["127.0.0.1", "localhost"]) {
      const client = await proxy.connect();
      client.write(`${connect(`${host}:${port}`)}\x16\x03\x01 a hello`);
      await client.until(() => client.received.endsWith("a hello"));
      assert.equal(client.received, "HTTP/1.1 200 Connection Established\r\n\r\n\x16\x03\x01 a hello");
      client.socket.end(" and bye");
      await client.closed();
      assert.match(client.received, /hello and bye$/);
      assert.equal(client.wasReset, false);
    }
    await proxy.until(() => proxy.listener.connections === 0, "all is over");
    assert.equal(proxy.wheel.size, 0);
    const { status, method, destination, bytesReceived, authority } = proxy.last();
    assert.deepEqual(
      { status, method, destination, bytesReceived, authority },
      { status: 200, method: "CONNECT", destination: "egress", bytesReceived: 19, authority: `localhost:${port}` },
    );
  });

  it("is refused without a port, to the mesh's own services, to the proxy itself, and to where nobody listens", async (t) => {
    const proxy = await new ProxyFixture([1], { egress: true }).start(t);
    assert.match(await proxy.send(connect("example.com")), /^HTTP\/1\.1 400 /);
    assert.match(await proxy.send(connect("reviews:9080")), /^HTTP\/1\.1 404 .*x-heddle-error: no-route/s);
    assert.match(await proxy.send(connect(`127.0.0.1:${proxy.port}`)), /^HTTP\/1\.1 502 .*x-heddle-error: loop/s);
    const refused = await proxy.send(connect("127.0.0.1:1"));
    assert.match(refused, /^HTTP\/1\.1 503 .*x-heddle-error: connect-failed/s);
    assert.match(refused, /\r\nconnection: close\r\n/);
  });

  it("is 405 where nothing leads out, and where one service is all there is", async (t) => {
    const closed = await new ProxyFixture([1]).start(t);
    assert.match(await closed.send(connect("127.0.0.1:443")), /^HTTP\/1\.1 405 /);
    const listener = { fixedAuthority: "reviews" };
    const single = await new ProxyFixture([1], { egress: true, listener }).start(t);
    assert.match(await single.send(connect("127.0.0.1:443")), /^HTTP\/1\.1 405 /);
  });
});
