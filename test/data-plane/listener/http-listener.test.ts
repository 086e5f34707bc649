import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { answering, ProxyFixture, scriptedUpstream } from "../../support/proxy-fixture.ts";
import { bodyOf } from "../../support/raw-client.ts";

const OK = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-up: yes\r\n\r\nhello";
const GET = "GET / HTTP/1.1\r\nHost: reviews\r\n\r\n";

/** Answers with the Host it got. */
const echoHost = answering((request) => {
  const host = /\r\nhost: (.*)\r\n/.exec(request)?.[1] ?? "";
  return `HTTP/1.1 200 OK\r\ncontent-length: ${host.length}\r\n\r\n${host}`;
});

describe("a listener", () => {
  it("carries a GET to an endpoint and its answer back", async (t) => {
    const seen: string[] = [];
    const port = await scriptedUpstream(
      t,
      answering((request) => {
        seen.push(request);
        return OK;
      }),
    );
    const proxy = await new ProxyFixture([port]).start(t);
    const response = await proxy.send("GET /a?b=c HTTP/1.1\r\nHost: Reviews\r\nx-id: 1\r\nConnection: x-id\r\n\r\n");
    assert.equal(response, "HTTP/1.1 200 OK\r\nx-up: yes\r\ncontent-length: 5\r\n\r\nhello");
    assert.match(
      seen[0] ?? "",
      /^GET \/a\?b=c HTTP\/1\.1\r\nhost: reviews\r\nx-request-id: [0-9a-f-]{36}\r\ntraceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]\r\nx-heddle-source: web\r\nx-heddle-deadline-ms: \d+\r\n\r\n$/,
    );
    const record = proxy.last();
    assert.equal(record.status, 200);
    assert.equal(record.flag, "");
    assert.equal(record.destination, "reviews");
    assert.equal(record.source, "web");
    assert.equal(record.endpoint, `127.0.0.1:${port}`);
    assert.equal(record.attempts, 1);
    assert.equal(record.bytesSent, 5);
    assert.equal(proxy.active, 0);
  });

  it("answers 404 NR without a route, 503 NC without a cluster or a configuration, 503 UH without an endpoint", async (t) => {
    const unrouted = await new ProxyFixture([1]).start(t);
    const nowhere = await unrouted.send("GET / HTTP/1.1\r\nHost: nobody\r\n\r\n");
    assert.match(nowhere, /^HTTP\/1\.1 404 Not Found\r\nx-heddle-error: no-route\r\n/);
    assert.equal(unrouted.last().flag, "NR");
    assert.match(unrouted.last().traceId, /^[0-9a-f]{32}$/);

    const unconfigured = await new ProxyFixture([1], { listener: { routesOf: "another" } }).start(t);
    assert.match(await unconfigured.send(GET), /^HTTP\/1\.1 503 .*x-heddle-error: no-config/s);

    const empty = await new ProxyFixture([]).start(t);
    assert.match(await empty.send(GET), /^HTTP\/1\.1 503 .*x-heddle-error: no-endpoint/s);
    assert.equal(empty.last().flag, "UH");

    const gone = await new ProxyFixture([1], {
      action: {
        kind: "forward",
        pickCluster: () => undefined,
        timeoutMs: 0,
        retry: undefined,
        tryTimeoutMs: 0,
        hash: () => -1,
        mirrors: [],
        target: () => "/",
        authority: () => "",
      },
    }).start(t);
    assert.match(await gone.send(GET), /^HTTP\/1\.1 503 .*x-heddle-error: no-cluster/s);
    assert.equal(gone.last().flag, "NC");
  });

  it("answers HEAD with the head alone, and keeps the connection", async (t) => {
    const proxy = await new ProxyFixture([1]).start(t);
    const client = await proxy.connect();
    client.write("HEAD / HTTP/1.1\r\nHost: nobody\r\n\r\n");
    assert.match(await client.response("HEAD"), /^HTTP\/1\.1 404 .*content-length: \d+\r\n\r\n$/s);
    client.write("GET / HTTP/1.1\r\nHost: nobody\r\n\r\n");
    assert.match(await client.response(), /^HTTP\/1\.1 404 .*\(no-route\)\n$/s);
  });

  it("redirects and answers directly", async (t) => {
    const location = (head: { readonly path: string }): string => `http://there${head.path}`;
    const redirecting = await new ProxyFixture([1], { action: { kind: "redirect", status: 308, location } }).start(t);
    assert.equal(
      await redirecting.send("GET /a HTTP/1.1\r\nHost: reviews\r\n\r\n"),
      "HTTP/1.1 308 Permanent Redirect\r\nlocation: http://there/a\r\ncontent-length: 0\r\n\r\n",
    );
    const splitting = await new ProxyFixture([1], {
      action: { kind: "redirect", status: 302, location: () => "http://a\r\nset-cookie: x" },
    }).start(t);
    assert.match(await splitting.send(GET), /^HTTP\/1\.1 500 /);

    const direct = await new ProxyFixture([1], { action: { kind: "respond", status: 418, body: "grün" } }).start(t);
    const response = await direct.send(GET);
    assert.match(response, /^HTTP\/1\.1 418 .*content-length: 5\r\n\r\n/s);
    assert.equal(Buffer.from(bodyOf(response), "latin1").toString(), "grün");
    const bodiless = await new ProxyFixture([1], { action: { kind: "respond", status: 204, body: "" } }).start(t);
    assert.equal(await bodiless.send(GET), "HTTP/1.1 204 No Content\r\n\r\n");
  });

  it("of one service sends every request there, whatever its Host", async (t) => {
    const proxy = await new ProxyFixture([await scriptedUpstream(t, echoHost)], {
      listener: { fixedAuthority: "reviews" },
    }).start(t);
    assert.equal(bodyOf(await proxy.send("GET / HTTP/1.1\r\nHost: localhost:9091\r\n\r\n")), "reviews");
    assert.equal(bodyOf(await proxy.send("GET http://ratings/ HTTP/1.1\r\nHost: ratings\r\n\r\n")), "reviews");
    assert.equal(bodyOf(await proxy.send("GET / HTTP/1.0\r\n\r\n")), "reviews");
  });
});

describe("a listener that drains", () => {
  it("takes no new connection, ends each open one with its next response, and loses no request", async (t) => {
    let answer: (() => void) | undefined;
    const port = await scriptedUpstream(t, (socket) => {
      socket.on("data", () => {
        answer = () => socket.write(OK);
        if (!proxy.listener.isDraining) answer();
      });
    });
    const proxy = await new ProxyFixture([port]).start(t);
    const idle = await proxy.connect();
    idle.write(GET);
    await idle.response();
    const busy = await proxy.connect();
    busy.write(GET);
    await busy.response();
    proxy.listener.drain();
    busy.write(GET);
    await proxy.until(() => proxy.listener.inFlight === 1, "a request is under way");
    await assert.rejects(proxy.connect());
    answer?.();
    assert.match(await busy.response(), /\r\nconnection: close\r\n/);
    await busy.ended();
    assert.equal(idle.isEnded, false);
    idle.write("GET / HTTP/1.1\r\nHost: nobody\r\n\r\n");
    assert.match(await idle.response(), /^HTTP\/1\.1 404 .*\r\nconnection: close\r\n/s);
    await idle.ended();
    idle.socket.end();
    busy.socket.end();
    await proxy.until(() => proxy.listener.connections === 0, "all have left");
  });

  it("and closes gives up what is in flight, and reports it", async (t) => {
    const port = await scriptedUpstream(t, (socket) => {
      socket.resume();
    });
    const proxy = await new ProxyFixture([port]).start(t);
    const client = await proxy.connect();
    client.write(GET);
    await proxy.until(() => proxy.active === 1, "the request is under way");
    proxy.listener.close();
    await client.ended();
    assert.equal(proxy.active, 0);
    assert.equal(proxy.sink.finished.length, 1);
    assert.equal(proxy.wheel.size, 0);
  });
});

describe("a host outside the mesh", () => {
  it("is reached in absolute form, and only so", async (t) => {
    const outside = await scriptedUpstream(t, echoHost);
    const proxy = await new ProxyFixture([1], { egress: true }).start(t);
    const authority = `127.0.0.1:${outside}`;
    assert.equal(
      bodyOf(await proxy.send(`GET http://${authority}/ HTTP/1.1\r\nHost: ${authority}\r\n\r\n`)),
      authority,
    );
    assert.equal(proxy.last().destination, "egress");
    const named = `localhost:${outside}`;
    assert.equal(bodyOf(await proxy.send(`GET http://${named}/ HTTP/1.1\r\nHost: ${named}\r\n\r\n`)), named);
    assert.match(await proxy.send(`GET / HTTP/1.1\r\nHost: ${authority}\r\n\r\n`), /^HTTP\/1\.1 404 /);
    assert.equal(proxy.last().flag, "NR");
  });

  it("is not reached when there is no way out, nor is a service of the mesh without a route", async (t) => {
    const outside = await scriptedUpstream(t, echoHost);
    const closed = await new ProxyFixture([1]).start(t);
    const request = (host: string): string => `GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
    assert.match(await closed.send(request(`127.0.0.1:${outside}`)), /^HTTP\/1\.1 404 /);
    const unrouted = await new ProxyFixture([1], { egress: true, match: () => false }).start(t);
    assert.match(await unrouted.send(request("reviews")), /^HTTP\/1\.1 404 /);
  });

  it("is never this proxy itself", async (t) => {
    const proxy = await new ProxyFixture([1], { egress: true }).start(t);
    for (const host of ["127.0.0.1", "localhost"]) {
      const authority = `${host}:${proxy.port}`;
      const response = await proxy.send(`GET http://${authority}/ HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
      assert.match(response, /^HTTP\/1\.1 502 .*x-heddle-error: loop/s);
    }
    assert.equal(proxy.sink.finished.length, 2);
  });
});
