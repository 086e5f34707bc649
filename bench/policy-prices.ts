import { AdaptiveLimit } from "../data-plane/policy/adaptive-limit.ts";
import { CircuitBreaker } from "../data-plane/policy/circuit-breaker.ts";
import { ConcurrencyLimit } from "../data-plane/policy/concurrency-limit.ts";
import { LoadShedder } from "../data-plane/policy/load-shedder.ts";
import { LocalRateLimit } from "../data-plane/policy/rate-limit.ts";
import { RetryBudget } from "../data-plane/policy/retry-budget.ts";
import { InboundCalls } from "../data-plane/request/inbound-calls.ts";
import { Fault } from "../data-plane/router/fault.ts";
import { RequestHead } from "../data-plane/http1/message.ts";
import type { BreakerPolicy } from "../shared/model/cluster-policy.ts";
import { systemRandom } from "../shared/random.ts";

/** Prices one call, in nanoseconds; what it returns must not be undefined. */
export type Price = (name: string, call: (n: number) => unknown) => void;

const BREAKER: BreakerPolicy = {
  thresholdPercent: 50,
  windowMs: 30_000,
  samplesMin: 10,
  consecutiveFailures: 5,
  recoveryMs: 30_000,
  recoveryMaxMs: 120_000,
  successes: 2,
};
const BUDGET = { ratio: 0.2, minPerSec: 3, windowMs: 10_000 };
const ADAPTIVE = { concurrencyMin: 3, concurrencyMax: 1_000 };

/** What a policy adds to a request: at 10,000 requests a second, so that windows move as they do in life. */
export function pricePolicies(price: Price): void {
  const at = (n: number): number => n / 10;
  const closed = new CircuitBreaker();
  price("breaker, closed: admit and report", (n) => {
    const permit = closed.admit(at(n));
    closed.report(BREAKER, permit, { verdict: "success", nowMs: at(n) }, 0.5);
    return permit;
  });
  const open = new CircuitBreaker();
  for (let n = 0; n < 5; n += 1) open.report(BREAKER, open.admit(0), { verdict: "error", nowMs: 0 }, 0.5);
  price("breaker, open: refuse", () => open.admit(1));
  const budget = new RetryBudget();
  price("retry budget: deposit", (n) => {
    budget.deposit(BUDGET, at(n));
    return n;
  });
  price("retry budget: withdraw", (n) => budget.withdraw(BUDGET, at(n)));
  const limit = new ConcurrencyLimit();
  price("limit of requests: acquire and release", () => {
    const got = limit.acquire(1_024);
    limit.release();
    return got;
  });
  const adaptive = new AdaptiveLimit();
  price("adaptive limit: acquire, sample, release", (n) => {
    const got = adaptive.acquire(ADAPTIVE);
    if (got) adaptive.release();
    adaptive.onSample(ADAPTIVE, { latencyMs: 2 + (n % 3), nowMs: at(n) }, 0.5);
    return got;
  });
  const calls = new InboundCalls();
  const traces = Array.from({ length: 1_024 }, (_, n) => `4bf92f3577b34da6a3ce929d0e0e${String(n).padStart(4, "0")}`);
  price("inbound call: enter, find, leave", (n) => {
    const trace = traces[n & 1_023] ?? "";
    const call = calls.enter(trace, 1, Infinity);
    const found = calls.find(trace);
    if (call !== undefined) calls.leave(trace, call);
    return found;
  });
  const rateLimit = new LocalRateLimit();
  const rate = { tokensPerMs: 1_000, burst: 1_000_000 };
  const clients = Array.from({ length: 1_024 }, (_, n) => `client-${n}`);
  price("rate limit: take a token, 1024 clients", (n) => rateLimit.admit(clients[n & 1_023] ?? "", rate, at(n)));
  const fault = new Fault(
    {
      delay: { percent: 1, ms: 100 },
      abort: { percent: 1, status: 503 },
      headers: [],
      untilWallMs: Number.MAX_SAFE_INTEGER,
    },
    [],
  );
  const head = new RequestHead();
  price("fault: applies, and both draws", (n) =>
    fault.appliesTo(head, n) ? fault.delayMs(systemRandom.unit()) + fault.abortStatus(systemRandom.unit()) : 0,
  );
  const shedder = new LoadShedder(20_000, 50);
  price("load shedder: admit and release", () => {
    const got = shedder.admit(false, 0.5, 0);
    shedder.release();
    return got;
  });
}
