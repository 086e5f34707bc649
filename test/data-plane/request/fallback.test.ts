import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { fixedChoice } from "../../../data-plane/balancer/endpoint-choice.ts";
import type { RequestHead } from "../../../data-plane/http1/message.ts";
import { EndpointState } from "../../../data-plane/runtime/endpoint-state.ts";
import type { ClusterRuntime, ForwardRuntime } from "../../../data-plane/runtime/runtime.ts";
import type { FallbackPolicy } from "../../../shared/model/cluster-policy.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { answering, ProxyFixture, retryPolicy, scriptedUpstream, type Ends } from "../../support/proxy-fixture.ts";
import { bodyOf } from "../../support/raw-client.ts";
import { clusterRuntime } from "../../support/route-builders.ts";

const GET = "GET /a HTTP/1.1\r\nHost: reviews\r\n\r\n";
const BODY = '{"status": "fallback", "message": "Service temporarily unavailable"}';
const CACHED: FallbackPolicy = { kind: "cached-response", maxAgeMs: 60_000, body: BODY };

/** Answers with what the test last said, or cuts the connection without a word. */
class Service {
  answer: string | undefined = ok("one");
  requests = 0;

  async listen(t: Ends): Promise<number> {
    return scriptedUpstream(t, (socket) => {
      socket.on("data", () => {
        this.requests += 1;
        if (this.answer === undefined) socket.destroy();
        else socket.write(this.answer, "latin1");
      });
      socket.on("end", () => socket.end());
    });
  }
}

function ok(body: string, headers = ""): string {
  return `HTTP/1.1 200 OK\r\n${headers}content-length: ${body.length}\r\n\r\n${body}`;
}

interface Setting {
  readonly proxy: ProxyFixture;
  readonly service: Service;
  readonly clock: ManualClock;
}

async function withFallback(
  t: Ends,
  fallback: FallbackPolicy,
  clusters: readonly ClusterRuntime[] = [],
): Promise<Setting> {
  const service = new Service();
  const clock = new ManualClock();
  const proxy = await new ProxyFixture([await service.listen(t)], { clock, clusters, policies: { fallback } }).start(t);
  return { proxy, service, clock };
}

describe("seed 002's pattern test (F2.54)", () => {
  it("is success, then fallback while the service fails, then success at once", async (t) => {
    const { proxy, service } = await withFallback(t, { kind: "static", body: BODY });
    assert.equal(bodyOf(await proxy.send(GET)), "one");
    service.answer = undefined;
    const response = await proxy.send(GET);
    assert.match(response, /^HTTP\/1\.1 200 OK\r\nx-heddle-fallback: static\r\ncontent-type: application\/json\r\n/);
    assert.deepEqual(JSON.parse(bodyOf(response)), JSON.parse(BODY));
    service.answer = ok("again");
    assert.equal(bodyOf(await proxy.send(GET)), "again");
  });
});

describe("a static fallback", () => {
  it("keeps the flag and the reason of what failed in the log", async (t) => {
    const { proxy, service } = await withFallback(t, { kind: "static", body: BODY });
    service.answer = undefined;
    await proxy.send(GET);
    const { status, flag, detail } = proxy.last();
    assert.deepEqual({ status, flag, detail }, { status: 200, flag: "UC", detail: "upstream-died" });
  });

  it("takes the place of no endpoint and of a timeout", async (t) => {
    const { proxy, service } = await withFallback(t, { kind: "static", body: BODY });
    service.answer = "";
    const client = await proxy.connect();
    client.write(GET);
    await proxy.until(() => service.requests === 1, "the service has the request");
    await proxy.pass(5_100);
    assert.equal(bodyOf(await client.response()), BODY);
    assert.equal(proxy.last().flag, "UT");
    proxy.endpoints.length = 0;
    assert.equal(bodyOf(await proxy.send(GET)), BODY);
    assert.equal(proxy.last().flag, "UH");
  });

  it("leaves the service's own answers and the client's mistakes alone", async (t) => {
    const { proxy, service } = await withFallback(t, { kind: "static", body: BODY });
    service.answer = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
    assert.match(await proxy.send(GET), /^HTTP\/1\.1 404 /);
    assert.match(await proxy.send(GET.replace("reviews", "nobody")), /^HTTP\/1\.1 404 .*x-heddle-error: no-route/s);
  });

  it("never follows an answer that has begun", async (t) => {
    const { proxy, service } = await withFallback(t, { kind: "static", body: BODY });
    service.answer = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
    const client = await proxy.connect();
    client.write(GET);
    await proxy.until(() => service.requests === 1, "the service has the request");
    await proxy.pass(5_100);
    await client.closed();
    assert.match(client.received, /half$/);
  });
});

describe("the last good answer", () => {
  it("is given again with its age when the service fails", async (t) => {
    const { proxy, service, clock } = await withFallback(t, CACHED);
    service.answer = ok("one", "content-type: text/plain\r\nage: 2\r\n");
    await proxy.send(GET);
    service.answer = undefined;
    clock.now += 3_000;
    const response = await proxy.send(GET);
    assert.match(
      response,
      /^HTTP\/1\.1 200 OK\r\ncontent-type: text\/plain\r\nage: 5\r\nx-heddle-fallback: cached\r\n/,
    );
    assert.equal(bodyOf(response), "one");
    assert.equal(proxy.last().flag, "UC");
  });

  it("is the newest, but for one a second", async (t) => {
    const { proxy, service, clock } = await withFallback(t, CACHED);
    await proxy.send(GET);
    service.answer = ok("two");
    await proxy.send(GET);
    clock.now += 1_001;
    service.answer = ok("three");
    await proxy.send(GET);
    service.answer = ok("four");
    await proxy.send(GET);
    service.answer = undefined;
    assert.equal(bodyOf(await proxy.send(GET)), "three");
  });

  it("gives way to the static body when it is too old, another resource, or not to be stored", async (t) => {
    const { proxy, service, clock } = await withFallback(t, CACHED);
    await proxy.send(GET);
    service.answer = ok("secret", "cache-control: no-store\r\n");
    await proxy.send(GET.replace("/a", "/secret"));
    service.answer = undefined;
    assert.equal(bodyOf(await proxy.send(GET.replace("/a", "/secret"))), BODY);
    assert.equal(bodyOf(await proxy.send(GET.replace("/a", "/b"))), BODY);
    assert.equal(bodyOf(await proxy.send(GET)), "one");
    clock.now += 60_001;
    assert.equal(bodyOf(await proxy.send(GET)), BODY);
  });

  it("is kept of a chunked answer, whole", async (t) => {
    const { proxy, service } = await withFallback(t, CACHED);
    service.answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\non\r\n1\r\ne\r\n0\r\n\r\n";
    await proxy.send(GET);
    service.answer = undefined;
    assert.match(await proxy.send(GET), /content-length: 3\r\n.*one$/s);
  });

  it("is not kept of an answer that broke off, nor of one that is too long", async (t) => {
    const { proxy, service, clock } = await withFallback(t, CACHED);
    service.answer = ok("x".repeat(65_537));
    await proxy.send(GET);
    service.answer = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
    const client = await proxy.connect();
    client.write(GET.replace("/a", "/half"));
    await proxy.until(() => service.requests === 2, "the service has the request");
    await proxy.pass(5_100);
    service.answer = undefined;
    clock.now += 1;
    assert.equal(bodyOf(await proxy.send(GET)), BODY);
    assert.equal(bodyOf(await proxy.send(GET.replace("/a", "/half"))), BODY);
  });
});

describe("the last good answer to one tenant", () => {
  it("is never given to another one whose requests a route sends elsewhere under the same path", async (t) => {
    const service = new Service();
    const clusters = { proxy: undefined as ProxyFixture | undefined };
    const tenantOf = (head: RequestHead): string => head.headers[head.headers.indexOf("x-tenant") + 1] ?? "";
    const action: ForwardRuntime = {
      kind: "forward",
      pickCluster: () => clusters.proxy?.cluster,
      timeoutMs: 1_000,
      retry: undefined,
      tryTimeoutMs: 0,
      hash: () => -1,
      mirrors: [],
      target: (head) => `/${tenantOf(head)}${head.path}`,
      authority: (head) => head.authority,
    };
    const policies = { fallback: CACHED };
    const proxy = await new ProxyFixture([await service.listen(t)], { policies, action }).start(t);
    clusters.proxy = proxy;
    const from = (tenant: string): string => GET.replace("\r\n\r\n", `\r\nx-tenant: ${tenant}\r\n\r\n`);
    service.answer = ok("what anna owns");
    await proxy.send(from("anna"));
    service.answer = undefined;
    assert.equal(bodyOf(await proxy.send(from("bert"))), BODY);
    assert.equal(bodyOf(await proxy.send(from("anna"))), "what anna owns");
  });
});

describe("the last good answer to a GET with a body", () => {
  it("is never given to another query in the same path", async (t) => {
    const { proxy, service } = await withFallback(t, CACHED);
    const search = (query: string): string =>
      `GET /_search HTTP/1.1\r\nHost: reviews\r\ncontent-length: ${query.length}\r\n\r\n${query}`;
    service.answer = ok("cats found");
    await proxy.send(search("cats"));
    service.answer = undefined;
    assert.equal(bodyOf(await proxy.send(search("dogs"))), BODY);
    assert.equal(bodyOf(await proxy.send(GET.replace("/a", "/_search"))), BODY);
  });
});

describe("another service as fallback", () => {
  async function other(t: Ends, name: string, answer: string): Promise<ClusterRuntime> {
    const port = await scriptedUpstream(
      t,
      answering(() => answer),
    );
    const endpoint = new EndpointState(`127.0.0.1:${port}`, { host: "127.0.0.1", port });
    t.after(() => endpoint.pool?.drain());
    return {
      ...clusterRuntime(name),
      endpoints: [endpoint],
      choice: fixedChoice([endpoint], { pick: () => endpoint }),
    };
  }

  it("answers the same request, body and all", async (t) => {
    const spare = await other(t, "spare", ok("spare"));
    const { proxy, service } = await withFallback(t, { kind: "service", cluster: "spare" }, [spare]);
    service.answer = undefined;
    const post = "POST /a HTTP/1.1\r\nHost: reviews\r\ncontent-length: 3\r\n\r\nabc";
    assert.equal(bodyOf(await proxy.send(post)), "spare");
    const { status, flag, destination, attempts } = proxy.last();
    assert.deepEqual(
      { status, flag, destination, attempts },
      { status: 200, flag: "UC", destination: "reviews", attempts: 2 },
    );
  });

  it("is asked once: what it fails is failed", async (t) => {
    const spare = await other(t, "spare", "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
    const fallback: FallbackPolicy = { kind: "service", cluster: "spare" };
    const { proxy, service } = await withFallback(t, fallback, [spare]);
    service.answer = undefined;
    assert.match(await proxy.send(GET), /^HTTP\/1\.1 503 /);
    assert.equal(proxy.last().attempts, 2);
    assert.equal(proxy.active, 0);
  });

  it("has its time after a timeout of the service, but not beyond the caller's", async (t) => {
    const spare = await other(t, "spare", ok("spare"));
    const service = new Service();
    service.answer = "";
    const clock = new ManualClock();
    const policies = { fallback: { kind: "service", cluster: "spare" } } as const;
    const options = { clock, clusters: [spare], policies, timeoutMs: 300 };
    const proxy = await new ProxyFixture([await service.listen(t)], options).start(t);
    for (const [deadlineMs, answer] of [
      [300, /^HTTP\/1\.1 504 /],
      [320, /^HTTP\/1\.1 200 .*spare$/s],
    ] as const) {
      const client = await proxy.connect();
      client.write(GET.replace("\r\n\r\n", `\r\nx-heddle-deadline-ms: ${deadlineMs}\r\n\r\n`));
      await proxy.until(() => proxy.active === 1, "it is with the service");
      await proxy.pass(310);
      assert.match(await client.response(), answer);
      assert.deepEqual([proxy.last().flag, proxy.active], ["UT", 0]);
    }
  });

  it("that says nothing either is given up when the caller stops waiting", async (t) => {
    const silent = await other(t, "spare", "");
    const service = new Service();
    service.answer = "";
    const clock = new ManualClock();
    const policies = { fallback: { kind: "service", cluster: "spare" } } as const;
    const options = { clock, clusters: [silent], policies, timeoutMs: 300 };
    const proxy = await new ProxyFixture([await service.listen(t)], options).start(t);
    const client = await proxy.connect();
    client.write(GET.replace("\r\n\r\n", "\r\nx-heddle-deadline-ms: 400\r\n\r\n"));
    await proxy.until(() => proxy.active === 1, "it is with the service");
    await proxy.pass(310);
    await proxy.until(() => silent.endpoints[0]?.active === 1, "it is with the other service");
    assert.equal(proxy.sink.finished.length, 0);
    await proxy.pass(110);
    assert.match(await client.response(), /^HTTP\/1\.1 504 /);
    assert.equal(proxy.last().attempts, 2);
  });

  it("that the configuration does not know leaves the failure as it is", async (t) => {
    const { proxy, service } = await withFallback(t, { kind: "service", cluster: "nowhere" });
    service.answer = undefined;
    assert.match(await proxy.send(GET), /^HTTP\/1\.1 503 .*x-heddle-error: upstream-died/s);
  });
});

describe("a fallback after retries", () => {
  it("comes when they are used up", async (t) => {
    const service = new Service();
    service.answer = undefined;
    const policies = { fallback: { kind: "static" as const, body: BODY } };
    const proxy = await new ProxyFixture([await service.listen(t)], { retry: retryPolicy(2), policies }).start(t);
    assert.equal(bodyOf(await proxy.send(GET)), BODY);
    assert.equal(service.requests, 3);
  });

  it("takes the place of a 503 that all of them came to, with flag URX; a 503 without retries is the service's word", async (t) => {
    const service = new Service();
    service.answer = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nsick";
    const policies = { fallback: { kind: "static" as const, body: BODY } };
    const port = await service.listen(t);
    const retrying = await new ProxyFixture([port], { retry: retryPolicy(2), policies }).start(t);
    assert.equal(bodyOf(await retrying.send(GET)), BODY);
    assert.equal(retrying.last().flag, "URX");
    assert.equal(service.requests, 3);
    const plain = await new ProxyFixture([port], { policies }).start(t);
    assert.equal(bodyOf(await plain.send(GET)), "sick");
  });
});
