/**
 * What routing and policies cost: nanoseconds per match, pick and policy, milliseconds per compilation. Run: `node bench/price-list.ts`.
 * Calls are priced by their fastest round, since whatever else the machine does only adds; compilations by the median, since
 * their garbage is part of the price. Read the ratios, not the third digit.
 */

import { RequestHead } from "../data-plane/http1/message.ts";
import { makePicker } from "../data-plane/balancer/make-picker.ts";
import type { Member } from "../data-plane/balancer/eligible.ts";
import { buildMaglev } from "../data-plane/balancer/maglev.ts";
import { buildRing } from "../data-plane/balancer/ring-hash.ts";
import { OutlierDetector } from "../data-plane/policy/outlier-detector.ts";
import { compileRoutes } from "../data-plane/router/compile-routes.ts";
import { CompileCache, compile } from "../data-plane/runtime/compile.ts";
import { EndpointState } from "../data-plane/runtime/endpoint-state.ts";
import { ClusterStates } from "../data-plane/runtime/cluster-states.ts";
import { EndpointStates } from "../data-plane/runtime/endpoint-states.ts";
import type { RouteTable } from "../data-plane/runtime/runtime.ts";
import type { Cluster, Endpoint, LbPolicy, LoadAssignment } from "../shared/model/cluster.ts";
import { NO_POLICIES, type OutlierPolicy } from "../shared/model/cluster-policy.ts";
import type { Route, RouteConfig, VirtualHost } from "../shared/model/route.ts";
import type { Snapshot } from "../shared/model/snapshot.ts";
import { seededRandom, systemRandom } from "../shared/random.ts";
import { hash32 } from "../shared/string-hash.ts";
import { pricePolicies } from "./policy-prices.ts";

const ROUNDS = 9;
const BATCH = 200_000;
/** Results end here, so that no call can be optimised away. */
let sink = 0;

function nanoseconds(call: (n: number) => unknown): number {
  const rounds: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const start = process.hrtime.bigint();
    for (let n = 0; n < BATCH; n += 1) if (call(n) !== undefined) sink += 1;
    rounds.push(Number(process.hrtime.bigint() - start) / BATCH);
  }
  return Math.min(...rounds.slice(1));
}

function milliseconds(call: (round: number) => void, rounds = ROUNDS): number {
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const start = process.hrtime.bigint();
    call(round);
    times.push(Number(process.hrtime.bigint() - start) / 1e6);
  }
  return median(times);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

function row(name: string, value: number, unit: string): void {
  console.log(`${name.padEnd(66)} ${value.toFixed(unit === "ns" ? 0 : 2).padStart(9)} ${unit}`);
}

function request(host: string, path: string): RequestHead {
  const head = new RequestHead();
  head.method = "GET";
  head.authority = host;
  head.hostname = host;
  head.path = path;
  head.headers = Array.from({ length: 12 }, (_, n) => [`x-header-${n}`, `value ${n}`]).flat();
  return head;
}

function route(name: string, cluster: string, path: Route["match"]["path"], header?: string): Route {
  const value = { kind: "exact", value: "true", ignoreCase: false } as const;
  const headers = header === undefined ? [] : [{ name: header, value, invert: false, treatMissingAsEmpty: false }];
  return {
    name,
    match: { path, caseSensitive: true, headers, query: [] },
    action: {
      kind: "forward",
      clusters: [{ cluster, weight: 1 }],
      timeoutMs: 5_000,
      retry: undefined,
      hashOn: [],
      prefixRewrite: undefined,
      regexRewrite: undefined,
      hostRewrite: undefined,
      mirrors: [],
    },
    fault: undefined,
    rateLimit: undefined,
  };
}

/** A virtual host as a canary has it: a header rule, then everything. */
function service(n: number): VirtualHost {
  const name = `service-${n}`;
  const all = { kind: "prefix", value: "/" } as const;
  return {
    name,
    domains: [name, `${name}.mesh`],
    routes: [route("canary", name, all, "x-canary"), route("all", name, all)],
  };
}

function tableOf(config: RouteConfig): RouteTable {
  const compiled = compileRoutes(config);
  if (!compiled.ok) throw new Error("the benchmark's routes do not compile");
  return compiled.value.bind(new Map());
}

function priceMatches(): void {
  for (const count of [1, 10, 1_000]) {
    const table = tableOf({
      name: "r",
      virtualHosts: Array.from({ length: count }, (_, n) => service(n)),
      ignorePortInHost: false,
    });
    const heads = Array.from({ length: 64 }, (_, n) => request(`service-${(n * 17) % count}`, "/api/items/1"));
    row(
      `match, ${count} virtual hosts, 2 routes each, 12 headers`,
      nanoseconds((n) => table.match(heads[n & 63] ?? heads[0]!)),
      "ns",
    );
  }
  const kinds: Record<string, (n: number) => Route["match"]["path"]> = {
    exact: (n) => ({ kind: "exact", value: `/path/${n}` }),
    "segment prefix": (n) => ({ kind: "segment-prefix", value: `/path/${n}` }),
    regex: (n) => ({ kind: "regex", value: `/path/${n}/[a-z]+` }),
  };
  for (const [kind, path] of Object.entries(kinds)) {
    const routes = Array.from({ length: 50 }, (_, n) => route(String(n), "c", path(n)));
    const table = tableOf({
      name: "r",
      virtualHosts: [{ name: "v", domains: ["*"], routes }],
      ignorePortInHost: false,
    });
    const last = request("web", kind === "regex" ? "/path/49/abc" : "/path/49");
    row(
      `match, the last of 50 routes by ${kind}`,
      nanoseconds(() => table.match(last)),
      "ns",
    );
  }
}

const POLICIES: readonly LbPolicy[] = [
  { kind: "round-robin" },
  { kind: "least-request", choices: 2 },
  { kind: "random" },
  { kind: "peak-ewma", decayMs: 10_000, defaultRttMs: 30 },
  { kind: "ring-hash", ringSizeMin: 1_024, ringSizeMax: 8_388_608 },
  { kind: "maglev", tableSize: 65_537 },
];

function members(count: number, weightOf: (n: number) => number): Member[] {
  return Array.from({ length: count }, (_, n) => {
    const host = `10.0.${n >> 8}.${n & 255}`;
    const state = new EndpointState(`${host}:80`, { host, port: 80 });
    return { state, weight: weightOf(n), health: "healthy", priority: 0 };
  });
}

function pricePicks(): void {
  const hashes = Array.from({ length: 1_024 }, (_, n) => hash32(`user-${n}`));
  for (const policy of POLICIES) {
    for (const weights of ["equal", "unequal"]) {
      if (weights === "unequal" && policy.kind.endsWith("h")) continue;
      for (const count of [3, 10, 1_000]) {
        const group = { members: members(count, (n) => (weights === "equal" ? 1 : 1 + (n % 5))), loadPercent: 100 };
        const { picker } = makePicker(policy, { groups: [group], isInPanic: false }, undefined, seededRandom(1));
        const cost = nanoseconds((n) => picker.pick(hashes[n & 1_023] ?? 0, systemRandom, 0));
        row(`pick, ${policy.kind}, ${count} endpoints, ${weights} weights`, cost, "ns");
      }
    }
  }
  for (const count of [10, 1_000]) {
    const all = members(count, () => 1);
    row(
      `build a ring over ${count} endpoints`,
      milliseconds(() => void buildRing(all, 1_024, 8_388_608)),
      "ms",
    );
    row(
      `build a maglev table of 65537 over ${count} endpoints`,
      milliseconds(() => void buildMaglev(all, 65_537)),
      "ms",
    );
  }
}

/** What every service has unless its policy says otherwise. */
const OUTLIER_POLICY: OutlierPolicy = {
  consecutive5xx: 5,
  consecutiveGateway: 0,
  intervalMs: 10_000,
  baseEjectionMs: 30_000,
  maxEjectionMs: 300_000,
  maxEjectionPercent: 50,
  successRateStdevFactor: 0,
  failurePercentage: 0,
  hostsMin: 5,
  volumeMin: 100,
};

function priceResults(): void {
  const policy = OUTLIER_POLICY;
  for (const count of [3, 1_000]) {
    const keys = members(count, () => 1).map(({ state }) => state.key);
    const detector = new OutlierDetector(policy);
    detector.follow(
      policy,
      keys.map((key) => ({ key, isUsable: true })),
      0,
    );
    const cost = nanoseconds((n) => detector.onResult(keys[n % count] ?? "", n % 8 === 0 ? "error" : "success"));
    row(`outlier detection hears of an attempt, ${count} endpoints`, cost, "ns");
  }
}

function endpoints(service: number, count: number): Endpoint[] {
  return Array.from({ length: count }, (_, n) => ({
    address: { host: `10.${service >> 8}.${service & 255}.${n}`, port: 8_080 },
    weight: 1,
    health: "healthy",
    version: "v1",
    priority: 0,
  }));
}

function mesh(services: number, endpointCount: number, lb: LbPolicy): Snapshot {
  const numbers = Array.from({ length: services }, (_, n) => n);
  const clusters = numbers.map((n): [string, Cluster] => {
    const name = `service-${n}`;
    const discovery = { kind: "eds", assignmentName: name } as const;
    return [
      name,
      {
        name,
        discovery,
        connectTimeoutMs: 1_000,
        lb,
        panicThresholdPercent: 50,
        policies: NO_POLICIES,
        service: name,
        version: "",
      },
    ];
  });
  const assignments = numbers.map((n): [string, LoadAssignment] => [
    `service-${n}`,
    { name: `service-${n}`, endpoints: endpoints(n, endpointCount) },
  ]);
  const routes = { name: "outbound", virtualHosts: numbers.map(service), ignorePortInHost: true };
  const source = { kind: "rds", routeConfigName: "outbound" } as const;
  const listener = {
    name: "outbound",
    direction: "outbound",
    bind: undefined,
    routes: source,
    statPrefix: "outbound",
  } as const;
  return {
    listeners: new Map([["outbound", listener]]),
    routes: new Map([["outbound", routes]]),
    clusters: new Map(clusters),
    assignments: new Map(assignments),
  };
}

function newContext() {
  return {
    endpoints: new EndpointStates(),
    clusters: new ClusterStates(),
    cache: new CompileCache(),
    random: systemRandom,
    revision: 1,
    localApp: undefined,
  };
}

function priceCompilations(): void {
  for (const services of [20, 1_000]) {
    const size = `${services} services x 10 endpoints`;
    const snapshot = mesh(services, 10, { kind: "round-robin" });
    // New objects for all routes each time: nothing of an earlier compilation is known.
    const fresh = Array.from({ length: ROUNDS }, () => mesh(services, 10, { kind: "round-robin" }));
    row(
      `compile ${size} from nothing`,
      milliseconds((round) => void compile(fresh[round] ?? snapshot, newContext())),
      "ms",
    );

    const context = newContext();
    compile(snapshot, context);
    const changed = Array.from({ length: 50 }, (_, n) => {
      const assignment = { name: "service-7", endpoints: endpoints(7, 5 + (n % 2)) };
      return { ...snapshot, assignments: new Map(snapshot.assignments).set("service-7", assignment) };
    });
    row(
      `compile ${size} after one service changed`,
      milliseconds((round) => void compile(changed[round] ?? snapshot, context), 50),
      "ms",
    );

    const routes = Array.from({ length: 20 }, () => ({
      ...snapshot,
      routes: mesh(services, 0, { kind: "round-robin" }).routes,
    }));
    row(
      `compile ${size} after the route table changed`,
      milliseconds((round) => void compile(routes[round] ?? snapshot, context), 20),
      "ms",
    );

    const { runtime } = (() => {
      const result = compile(snapshot, context);
      if (!result.ok) throw new Error("the benchmark's mesh does not compile");
      return result.value;
    })();
    row(
      `reconcile ${services * 10} endpoints after the swap`,
      milliseconds(() => void context.endpoints.reconcile(runtime)),
      "ms",
    );
  }
}

console.log(`Node ${process.versions.node}, ${ROUNDS} rounds of ${BATCH} calls`);
row(
  "hash of 36 characters",
  nanoseconds((n) =>
    hash32(n % 2 === 0 ? "2b5f0f7e-8a4d-4d3a-9c57-1b7a3c9e0f11" : "3b5f0f7e-8a4d-4d3a-9c57-1b7a3c9e0f12"),
  ),
  "ns",
);
priceMatches();
pricePicks();
priceResults();
pricePolicies((name, call) => row(name, nanoseconds(call), "ns"));
priceCompilations();
if (sink === 0) throw new Error("nothing was called");
