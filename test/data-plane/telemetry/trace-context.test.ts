import assert from "node:assert/strict";
import { describe, it } from "node:test";

import {
  formatB3,
  formatTraceparent,
  parseB3,
  parseB3Parts,
  parseTraceparent,
  uuidOfTraceId,
} from "../../../data-plane/telemetry/trace-context.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";

describe("traceparent", () => {
  const valid: [string, boolean][] = [
    [`00-${TRACE}-${SPAN}-01`, true],
    [`00-${TRACE}-${SPAN}-00`, false],
    [`00-${TRACE}-${SPAN}-fe`, false],
    [`00-${TRACE}-${SPAN}-ff`, true],
    [`01-${TRACE}-${SPAN}-01`, true],
    [`cc-${TRACE}-${SPAN}-01-what-the-future-holds`, true],
    [`cc-${TRACE}-${SPAN}-01-`, true],
  ];
  for (const [value, sampled] of valid) {
    it(`accepts ${value}`, () => {
      assert.deepEqual(parseTraceparent(value), { traceId: TRACE, spanId: SPAN, sampled });
    });
  }
  const invalid = [
    "",
    "00",
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
    `00-${TRACE}-${SPAN}-01.`,
    `cc-${TRACE}-${SPAN}-01.what`,
    `cc-${TRACE}-${SPAN}-012`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN.toUpperCase()}-01`,
    `00-${"0".repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `00_${TRACE}-${SPAN}-01`,
    `00-${TRACE}_${SPAN}-01`,
    `00-${TRACE}-${SPAN}_01`,
    `0g-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-0x`,
    `00-${TRACE.slice(1)}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-1`,
  ];
  for (const value of invalid) {
    it(`counts "${value}" as absent`, () => assert.equal(parseTraceparent(value), undefined));
  }

  it("is written as version 00 with one known flag", () => {
    assert.equal(formatTraceparent(TRACE, SPAN, true), `00-${TRACE}-${SPAN}-01`);
    assert.equal(formatTraceparent(TRACE, SPAN, false), `00-${TRACE}-${SPAN}-00`);
  });
});

describe("b3", () => {
  it("reads the single header in all its lengths", () => {
    const whole = { traceId: TRACE, spanId: SPAN };
    assert.deepEqual(parseB3(`${TRACE}-${SPAN}`), { ...whole, sampled: false });
    assert.deepEqual(parseB3(`${TRACE}-${SPAN}-1`), { ...whole, sampled: true });
    assert.deepEqual(parseB3(`${TRACE}-${SPAN}-d-05e3ac9a4f6e3b90`), { ...whole, sampled: true });
    assert.deepEqual(parseB3("0"), { traceId: "", spanId: "", sampled: false });
    assert.deepEqual(parseB3("d"), { traceId: "", spanId: "", sampled: true });
  });

  it("widens a trace id of 64 bits", () => {
    assert.equal(parseB3(`a3ce929d0e0e4736-${SPAN}-1`)?.traceId, "0000000000000000a3ce929d0e0e4736");
  });

  it("counts what is malformed as absent", () => {
    for (const value of [
      "",
      "2",
      TRACE,
      `${TRACE}-${SPAN}-x`,
      `${TRACE}-${SPAN}-1-zz`,
      `${TRACE}-${SPAN}-1-${SPAN}-${SPAN}`,
      `${"0".repeat(32)}-${SPAN}-1`,
    ])
      assert.equal(parseB3(value), undefined, value);
  });

  it("reads the headers of the multiple form, in any case", () => {
    assert.deepEqual(parseB3Parts(TRACE.toUpperCase(), SPAN, "true"), { traceId: TRACE, spanId: SPAN, sampled: true });
    assert.deepEqual(parseB3Parts(undefined, undefined, "0"), { traceId: "", spanId: "", sampled: false });
    assert.equal(parseB3Parts(TRACE, undefined, "1"), undefined);
    assert.equal(parseB3Parts(undefined, undefined, undefined), undefined);
    assert.equal(parseB3Parts(TRACE, SPAN, "maybe"), undefined);
  });

  it("is written with the parent when there is one", () => {
    const trace = { traceId: TRACE, spanId: SPAN, sampled: true };
    assert.equal(formatB3(trace, ""), `${TRACE}-${SPAN}-1`);
    assert.equal(formatB3(trace, "05e3ac9a4f6e3b90"), `${TRACE}-${SPAN}-1-05e3ac9a4f6e3b90`);
  });
});

describe("a trace id", () => {
  it("has another spelling, as a UUID", () => {
    assert.equal(uuidOfTraceId(TRACE), "4bf92f35-77b3-4da6-a3ce-929d0e0e4736");
  });
});
