import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";

import {
  credentials,
  loadPackageDefinition,
  status,
  type GrpcObject,
  type ServiceClientConstructor,
  type ServiceError,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

import { GrpcEndpoint } from "../../../control-plane/grpc/grpc-endpoint.ts";
import { rateLimitMethods } from "../../../control-plane/ratelimit/rate-limit-methods.ts";
import { TokenCoordinator } from "../../../shared/token-coordinator.ts";
import { formatAddress, type Address } from "../../../shared/address.ts";
import type { RateLimitPolicy } from "../../../shared/model/rate-limit.ts";
import { packageRoot } from "../../../shared/package-root.ts";
import { systemTimers } from "../../../shared/timers.ts";
import { applyBundle, openControlPlane } from "../../support/control-plane.ts";
import { ManualClock } from "../../support/manual-clock.ts";

// By a client that was made from the proto files at run time, as any other program would make its own.

const LIMIT: RateLimitPolicy = {
  name: "reviews",
  requests: 10,
  perMs: 1_000,
  burst: 5,
  by: { kind: "client" },
  scope: "global",
  failOpen: true,
};

interface Answer {
  readonly overall_code: string;
  readonly statuses: readonly {
    readonly code: string;
    readonly current_limit: { readonly name: string; readonly requests_per_unit: number; readonly unit: string } | null;
    readonly limit_remaining: number;
    readonly duration_until_reset: { readonly seconds: string; readonly nanos: number } | null;
  }[];
  readonly dynamic_metadata: {
    readonly fields: Record<string, { listValue: { values: { numberValue: number }[] } }>;
  } | null;
}

type Ask = (request: object) => Promise<Answer>;

/** A client of the service at that address. */
function asker(t: TestContext, address: Address): Ask {
  const definition = loadSync("envoy/service/ratelimit/v3/rls.proto", {
    includeDirs: [join(packageRoot, "proto")],
    keepCase: true,
    enums: String,
    longs: String,
    defaults: true,
  });
  const found = loadPackageDefinition(definition)["envoy"] as GrpcObject;
  const Service = ["service", "ratelimit", "v3", "RateLimitService"].reduce<unknown>(
    (space, name) => (space as GrpcObject)[name],
    found,
  ) as ServiceClientConstructor;
  const client = new Service(formatAddress(address), credentials.createInsecure());
  t.after(() => client.close());
  return (request) =>
    new Promise((resolve, reject) => {
      client["ShouldRateLimit"]?.({ domain: "reviews", ...request }, (error: ServiceError | null, answer: Answer) =>
        error === null ? resolve(answer) : reject(error),
      );
    });
}

async function open(t: TestContext, change: Partial<RateLimitPolicy> = {}) {
  const clock = new ManualClock();
  const limit = { ...LIMIT, ...change };
  const coordinator = new TokenCoordinator();
  const endpoint = new GrpcEndpoint({
    clock,
    timers: systemTimers,
    methods: rateLimitMethods({ coordinator, limitOf: (domain) => (domain === "reviews" ? limit : undefined), clock }),
    messageBytesMax: 100_000,
  });
  const address = await endpoint.start({ host: "127.0.0.1", port: 0 });
  assert.ok(address.ok);
  t.after(() => endpoint.stop(0));
  return { ask: asker(t, address.value), clock, coordinator };
}

function descriptor(value: string, more: object = {}): object {
  return { entries: [{ key: "client", value }], ...more };
}

function lease(value: string, tokens: number, more: object = {}): object {
  const entries = [
    { key: "client", value },
    { key: "heddle.lease", value: "" },
  ];
  return { entries, hits_addend: { value: tokens }, ...more };
}

function granted({ dynamic_metadata }: Answer): number[] | undefined {
  return dynamic_metadata?.fields["heddle.granted"]?.listValue.values.map(({ numberValue }) => numberValue);
}

describe("the rate limit service, asked as Envoy asks", () => {
  it("counts each request once and says what is left", async (t) => {
    const { ask, clock } = await open(t);
    const answers: Answer[] = [];
    for (let count = 0; count < 6; count += 1) answers.push(await ask({ descriptors: [descriptor("web")] }));
    assert.deepEqual(
      answers.map(({ overall_code }) => overall_code),
      ["OK", "OK", "OK", "OK", "OK", "OVER_LIMIT"],
    );
    assert.deepEqual(
      answers.map(({ statuses }) => statuses[0]?.limit_remaining),
      [4, 3, 2, 1, 0, 0],
    );
    const last = answers[5]?.statuses[0];
    assert.equal(last?.code, "OVER_LIMIT");
    assert.deepEqual(last?.current_limit, { name: "reviews", requests_per_unit: 10, unit: "SECOND" });
    assert.deepEqual(last?.duration_until_reset, { seconds: "0", nanos: 100_000_000 });
    assert.equal(answers[5]?.dynamic_metadata, null);
    clock.now += 100;
    assert.equal((await ask({ descriptors: [descriptor("web")] })).overall_code, "OK");
  });

  it("takes all the hits of a request or none", async (t) => {
    const { ask } = await open(t);
    assert.equal((await ask({ descriptors: [descriptor("web")], hits_addend: 3 })).overall_code, "OK");
    const over = await ask({ descriptors: [descriptor("web")], hits_addend: 3 });
    assert.deepEqual([over.overall_code, over.statuses[0]?.limit_remaining], ["OVER_LIMIT", 2]);
    assert.equal((await ask({ descriptors: [descriptor("web", { hits_addend: { value: 2 } })] })).overall_code, "OK");
  });

  it("has a bucket for each descriptor, and is over when one of them is", async (t) => {
    const { ask } = await open(t);
    await ask({ descriptors: [descriptor("noisy")], hits_addend: 5 });
    const both = await ask({ descriptors: [descriptor("quiet"), descriptor("noisy")] });
    assert.equal(both.overall_code, "OVER_LIMIT");
    assert.deepEqual(
      both.statuses.map(({ code }) => code),
      ["OK", "OVER_LIMIT"],
    );
    assert.equal((await ask({ descriptors: [descriptor("quiet")] })).statuses[0]?.limit_remaining, 3);
  });

  it("has one bucket for everybody with a total", async (t) => {
    const { ask } = await open(t, { by: { kind: "total" } });
    await ask({ descriptors: [descriptor("a")], hits_addend: 4 });
    assert.equal((await ask({ descriptors: [descriptor("b")] })).statuses[0]?.limit_remaining, 0);
    assert.equal((await ask({ descriptors: [descriptor("c")] })).overall_code, "OVER_LIMIT");
  });

  it("tells a window by a unit that Envoy has", async (t) => {
    const { ask } = await open(t, { requests: 7, perMs: 10_000 });
    const { statuses } = await ask({ descriptors: [descriptor("web")] });
    assert.deepEqual(statuses[0]?.current_limit, { name: "reviews", requests_per_unit: 42, unit: "MINUTE" });
  });

  it("lets everything pass in a domain without a limit", async (t) => {
    const { ask, coordinator } = await open(t);
    const answer = await ask({ domain: "ratings", descriptors: [descriptor("web")], hits_addend: 1_000 });
    assert.equal(answer.overall_code, "OK");
    assert.equal(coordinator.buckets, 0);
  });

  it("refuses what it cannot read, by name and place", async (t) => {
    const { ask } = await open(t);
    const refusal = { code: status.INVALID_ARGUMENT };
    await assert.rejects(ask({ domain: "", descriptors: [descriptor("web")] }), refusal);
    await assert.rejects(ask({ descriptors: [] }), { ...refusal, details: "descriptors: must not be empty" });
    await assert.rejects(ask({ descriptors: [{ entries: [] }] }), {
      ...refusal,
      details: "descriptors[0].entries: must not be empty",
    });
    await assert.rejects(ask({ descriptors: [descriptor("k".repeat(2_000))] }), refusal);
    await assert.rejects(ask({ descriptors: Array.from({ length: 257 }, () => descriptor("web")) }), refusal);
    await assert.rejects(ask({ descriptors: [descriptor("web")], hits_addend: 2_000_000_000 }), refusal);
  });
});

describe("a lease", () => {
  it("is what there is, up to what was asked, and the answer tells how many", async (t) => {
    const { ask, clock } = await open(t);
    const first = await ask({ descriptors: [lease("web", 3), lease("db", 9)] });
    assert.deepEqual(granted(first), [3, 5]);
    assert.deepEqual(
      first.statuses.map(({ code }) => code),
      ["OK", "OVER_LIMIT"],
    );
    clock.now += 50;
    assert.deepEqual(granted(await ask({ descriptors: [lease("web", 9)] })), [2]);
    clock.now += 50;
    assert.deepEqual(granted(await ask({ descriptors: [lease("web", 9)] })), [1]);
  });

  it("takes from the bucket that Envoys take from, and can be given back", async (t) => {
    const { ask } = await open(t);
    await ask({ descriptors: [lease("web", 5)] });
    assert.equal((await ask({ descriptors: [descriptor("web")] })).overall_code, "OVER_LIMIT");
    const back = await ask({ descriptors: [lease("web", 2, { is_negative_hits: true })] });
    assert.deepEqual([back.overall_code, back.statuses[0]?.limit_remaining], ["OK", 2]);
    assert.equal((await ask({ descriptors: [descriptor("web")] })).overall_code, "OK");
  });

  it("is whole in a domain without a limit", async (t) => {
    const { ask } = await open(t);
    assert.deepEqual(granted(await ask({ domain: "ratings", descriptors: [lease("web", 70)] })), [70]);
  });
});

describe("the port of proxies", () => {
  it("limits a service as its policy says, from the moment it says so", async (t) => {
    const controlPlane = await openControlPlane(t);
    const ask = asker(t, controlPlane.xds);
    const put = (rateLimitRequests: number): Promise<bigint> => {
      const policy = { serviceName: "reviews", rateLimitRequests, rateLimitUnit: "hour", rateLimitScope: "global" };
      return applyBundle(controlPlane, { resources: [{ kind: { $case: "servicePolicy", value: policy } }] });
    };
    assert.equal((await ask({ descriptors: [descriptor("web")] })).statuses[0]?.current_limit, null);
    await put(2);
    const answers = [1, 2, 3].map(() => ask({ descriptors: [descriptor("web")] }));
    const codes = (await Promise.all(answers)).map(({ overall_code }) => overall_code);
    assert.deepEqual(codes.toSorted(), ["OK", "OK", "OVER_LIMIT"]);
    const { statuses } = await ask({ descriptors: [descriptor("db")] });
    assert.deepEqual(statuses[0]?.current_limit, { name: "reviews", requests_per_unit: 2, unit: "HOUR" });
  });
});
