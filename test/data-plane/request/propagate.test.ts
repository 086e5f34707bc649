import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { RequestHead } from "../../../data-plane/http1/message.ts";
import type { Downstream } from "../../../data-plane/request/downstream.ts";
import { InboundCalls } from "../../../data-plane/request/inbound-calls.ts";
import type { ListenerServices } from "../../../data-plane/request/listener-services.ts";
import { propagationLines, readPropagation } from "../../../data-plane/request/propagate.ts";
import { RateLimits } from "../../../data-plane/runtime/rate-limits.ts";
import { LoadShedder } from "../../../data-plane/policy/load-shedder.ts";
import { ResponseCache } from "../../../data-plane/policy/response-cache.ts";
import { RequestContext } from "../../../data-plane/request/request-context.ts";
import { REQUEST_ID_CHARS_MAX, RESPONSE_CACHE_BOUNDS, TRACESTATE_MEMBERS_MAX } from "../../../shared/limits.ts";
import { seededRandom } from "../../../shared/random.ts";
import { TimerWheel } from "../../../shared/timer-wheel.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const UUID = "01234567-89ab-4def-8123-456789abcdef";
const TRACE_OF_UUID = "0123456789ab4def8123456789abcdef";

const downstream = {} as Downstream;

function contextOf(headers: string[], direction: "inbound" | "outbound" = "outbound"): RequestContext {
  const clock = new ManualClock();
  let spans = 0;
  const services: ListenerServices = {
    name: direction,
    routesOf: direction,
    direction,
    fixedAuthority: undefined,
    rateLimits: new RateLimits(),
    news: undefined,
    runtimeOf: () => ({ revision: 1, listeners: new Map(), clusters: new Map(), rateLimits: [] }),
    shedder: new LoadShedder(Infinity, 50),
    responses: new ResponseCache(RESPONSE_CACHE_BOUNDS),
    sink: { onFinished: () => undefined },
    clock,
    wheel: new TimerWheel(clock),
    random: seededRandom(1),
    ids: {
      uuid: () => UUID,
      traceId: () => TRACE_OF_UUID,
      traceUuid: () => UUID,
      spanId: () => {
        spans += 1;
        return `${spans}`.padStart(16, "a");
      },
    },
    identity: { service: "web", version: "v1" },
    egress: undefined,
    calls: new InboundCalls(),
    sampleRatio: 0,
    streamIdleMs: 0,
    tunnelIdleMs: 1,
    codec: {},
    onBug: (error) => {
      throw error;
    },
  };
  const head = new RequestHead();
  head.headers = headers;
  const ctx = new RequestContext(services, downstream, head);
  readPropagation(ctx);
  return ctx;
}

const FIRST_SPAN = "aaaaaaaaaaaaaaa1";

describe("what a request passes on of its trace", () => {
  it("begins anew without one, with the request id as trace id", () => {
    const ctx = contextOf(["accept", "*/*"]);
    assert.equal(
      propagationLines(ctx),
      `x-request-id: ${UUID}\r\ntraceparent: 00-${TRACE_OF_UUID}-${FIRST_SPAN}-00\r\nx-heddle-source: web\r\n`,
    );
    assert.deepEqual(ctx.head.headers, ["accept", "*/*"]);
    assert.equal(ctx.parentSpanId, "");
  });

  it("continues a valid traceparent with a span of its own, a new one per attempt", () => {
    const ctx = contextOf(["a", "1", "traceparent", `00-${TRACE}-${SPAN}-01`, "tracestate", "x=1", "b", "2"]);
    assert.match(propagationLines(ctx), new RegExp(`traceparent: 00-${TRACE}-${FIRST_SPAN}-01\r\n`));
    assert.match(propagationLines(ctx), new RegExp(`traceparent: 00-${TRACE}-aaaaaaaaaaaaaaa2-01\r\n`));
    assert.equal(ctx.parentSpanId, SPAN);
    assert.equal(ctx.spanId, "aaaaaaaaaaaaaaa2");
    assert.deepEqual(ctx.head.headers, ["a", "1", "tracestate", "x=1", "b", "2"]);
  });

  it("drops a malformed or repeated traceparent together with its tracestate", () => {
    const valid = `00-${TRACE}-${SPAN}-01`;
    for (const headers of [
      ["traceparent", "00-zz", "tracestate", "x=1"],
      ["tracestate", "x=1", "tracestate", "y=2"],
      ["traceparent", valid, "traceparent", valid, "tracestate", "x=1"],
    ]) {
      const ctx = contextOf(headers);
      assert.equal(ctx.traceId, TRACE_OF_UUID);
      assert.deepEqual(ctx.head.headers, []);
    }
  });

  it("drops a tracestate of too many members", () => {
    const members = Array.from({ length: TRACESTATE_MEMBERS_MAX + 1 }, (_, i) => `k${i}=v`).join(",");
    const ctx = contextOf(["traceparent", `00-${TRACE}-${SPAN}-01`, "tracestate", members]);
    assert.equal(ctx.traceId, TRACE);
    assert.deepEqual(ctx.head.headers, []);
  });

  it("reads B3 when there is no W3C, and writes the form that came beside W3C", () => {
    const single = contextOf(["b3", `${TRACE}-${SPAN}-1`]);
    const lines = propagationLines(single);
    assert.match(lines, new RegExp(`traceparent: 00-${TRACE}-${FIRST_SPAN}-01\r\n`));
    assert.match(lines, new RegExp(`b3: ${TRACE}-${FIRST_SPAN}-1-${SPAN}\r\n`));

    const multiple = contextOf(["x-b3-traceid", TRACE, "x-b3-spanid", SPAN, "x-b3-sampled", "0", "x-b3-x", "kept"]);
    const written = propagationLines(multiple);
    assert.match(written, new RegExp(`x-b3-traceid: ${TRACE}\r\nx-b3-spanid: ${FIRST_SPAN}\r\nx-b3-sampled: 0\r\n`));
    assert.match(written, new RegExp(`x-b3-parentspanid: ${SPAN}\r\n`));
    assert.deepEqual(multiple.head.headers, ["x-b3-x", "kept"]);
  });

  it("lets W3C win over B3, and keeps both in step", () => {
    const ctx = contextOf(["b3", `${"1".repeat(32)}-${"2".repeat(16)}-0`, "traceparent", `00-${TRACE}-${SPAN}-01`]);
    assert.match(propagationLines(ctx), new RegExp(`b3: ${TRACE}-${FIRST_SPAN}-1-${SPAN}\r\n`));
  });

  it("obeys a mere decision of B3 in a new trace", () => {
    const ctx = contextOf(["b3", "1"]);
    assert.equal(ctx.traceId, TRACE_OF_UUID);
    assert.equal(ctx.isSampled, true);
  });
});

describe("what a request passes on of its name", () => {
  it("is a valid request id, else a new one", () => {
    const id = "x".repeat(REQUEST_ID_CHARS_MAX);
    assert.equal(contextOf(["x-request-id", id]).requestId, id);
    for (const bad of ["", "a b", `${id}x`, 'a"b']) assert.equal(contextOf(["x-request-id", bad]).requestId, UUID, bad);
  });

  it("is who sends it: written by the outbound side whatever the app says, read by the inbound side", () => {
    const out = contextOf(["x-heddle-source", "admin"]);
    assert.match(propagationLines(out), /x-heddle-source: web\r\n/);
    assert.equal(out.source, "web");
    const inbound = contextOf(["x-heddle-source", "reviews"], "inbound");
    assert.equal(inbound.source, "reviews");
    assert.equal(inbound.destination, "web");
    assert.match(propagationLines(inbound), /x-heddle-source: reviews\r\n/);
    assert.equal(contextOf(["x-heddle-source", "a b"], "inbound").source, "");
  });
});

describe("what a request passes on of its retries and its time", () => {
  it("is nothing for a first try without a deadline", () => {
    assert.doesNotMatch(propagationLines(contextOf([])), /x-heddle-(attempt|deadline-ms)/);
  });

  it("is the highest attempt of all hops, and what is left of the time at each attempt", () => {
    const ctx = contextOf(["x-heddle-attempt", "2", "x-heddle-deadline-ms", "900"]);
    assert.deepEqual(ctx.head.headers, []);
    assert.equal(ctx.incomingAttempt, 2);
    assert.equal(ctx.incomingDeadlineMs, 900);
    ctx.timeoutMs = 900;
    assert.match(propagationLines(ctx), /x-heddle-attempt: 2\r\nx-heddle-deadline-ms: 900\r\n/);
    ctx.retries = 2;
    ctx.deadlineAtMs = ctx.services.clock.nowMs() + 123.4;
    assert.match(propagationLines(ctx), /x-heddle-attempt: 3\r\nx-heddle-deadline-ms: 124\r\n/);
  });

  it("takes the strictest of several, and no word for a number", () => {
    const strict = contextOf([
      "x-heddle-deadline-ms",
      "500",
      "x-heddle-deadline-ms",
      "700",
      "x-heddle-attempt",
      "3",
      "x-heddle-attempt",
      "1",
    ]);
    assert.deepEqual([strict.incomingDeadlineMs, strict.incomingAttempt], [500, 3]);
    for (const bad of ["", "-1", "1e3", "1.5", "9".repeat(10), "0x10"]) {
      const ctx = contextOf(["x-heddle-deadline-ms", bad, "x-heddle-attempt", bad]);
      assert.deepEqual([ctx.incomingDeadlineMs, ctx.incomingAttempt], [Infinity, 1], bad);
      assert.deepEqual(ctx.head.headers, [], "what is ours never passes through");
    }
  });
});
