import assert from "node:assert/strict";
import { describe, it } from "node:test";

import {
  COMMIT,
  decideRetry,
  EXHAUSTED,
  FINAL,
  isIdempotent,
  LATE,
  REPEATED,
  type Outcome,
  type OutcomeKind,
  type RetryState,
} from "../../../data-plane/request/decide-retry.ts";
import { seededRandom } from "../../../shared/random.ts";
import { retryPolicy } from "../../support/proxy-fixture.ts";

const outcome = (kind: OutcomeKind, parts: Partial<Outcome> = {}): Outcome => ({
  kind,
  status: kind === "response" ? 503 : 0,
  isRaced: false,
  isFinal: false,
  isRateLimited: false,
  retryAfterMs: -1,
  ...parts,
});

const state = (parts: Partial<RetryState> = {}): RetryState => ({
  policy: retryPolicy(2),
  attempts: 1,
  isIdempotent: true,
  isReplayable: true,
  hasReplacedConnection: false,
  isRepeated: false,
  remainingMs: 1_000,
  ...parts,
});

const retries = (how: Outcome, when: Partial<RetryState> = {}): boolean => decideRetry(how, state(when), 0.5) >= 0;

const SEEDS = 5_000;
const KINDS: readonly OutcomeKind[] = ["response", "unsent", "died", "timeout", "protocol"];

describe("the decision to retry", () => {
  it("repeats anything of an idempotent request, within the policy's number", () => {
    for (const kind of KINDS) {
      assert.equal(retries(outcome(kind)), true, kind);
      assert.equal(retries(outcome(kind), { attempts: 2 }), true, kind);
      assert.equal(retries(outcome(kind), { attempts: 3 }), false, kind);
    }
  });

  it("repeats of other requests only what was never sent", () => {
    for (const kind of KINDS) assert.equal(retries(outcome(kind), { isIdempotent: false }), kind === "unsent", kind);
    const policy = retryPolicy(2, { retryNonIdempotent: true });
    for (const kind of KINDS) assert.equal(retries(outcome(kind), { isIdempotent: false, policy }), true, kind);
  });

  it("repeats nothing without a policy, nor what can not be sent again", () => {
    for (const kind of KINDS) {
      assert.equal(retries(outcome(kind), { policy: undefined }), false, kind);
      assert.equal(retries(outcome(kind, { isRaced: true }), { isReplayable: false }), false, kind);
    }
  });

  it("replaces a raced connection at once, once, whatever the policy, unless bytes of an unsafe request left", () => {
    const raced = outcome("died", { isRaced: true });
    const none = { policy: undefined };
    assert.equal(decideRetry(raced, state(none), 0.9), 0);
    assert.equal(retries(raced, { ...none, hasReplacedConnection: true }), false);
    assert.equal(retries(raced, { ...none, isIdempotent: false }), false);
    assert.equal(retries(outcome("unsent", { isRaced: true }), { ...none, isIdempotent: false }), true);
  });

  it("reads Envoy's words", () => {
    const on = (...retryOn: string[]): Partial<RetryState> => ({ policy: retryPolicy(1, { retryOn }) });
    const status = (code: number): Outcome => outcome("response", { status: code });
    assert.equal(retries(status(500), on("5xx")), true);
    assert.equal(retries(status(500), on("gateway-error")), false);
    assert.equal(retries(status(504), on("gateway-error")), true);
    assert.equal(retries(status(409), on("retriable-4xx")), true);
    assert.equal(retries(status(404), on("retriable-4xx")), false);
    assert.equal(retries(status(503), on("retriable-status-codes")), true);
    assert.equal(retries(status(500), on("retriable-status-codes")), false);
    assert.equal(retries(status(200), on("5xx", "retriable-4xx")), false);
    assert.equal(retries(outcome("unsent"), on("connect-failure")), true);
    assert.equal(retries(outcome("unsent"), on("retriable-4xx")), false);
    assert.equal(retries(outcome("died"), on("connect-failure")), false);
    assert.equal(retries(outcome("died"), on("reset")), true);
    assert.equal(retries(outcome("timeout"), on("reset")), false);
    assert.equal(retries(outcome("timeout"), on("gateway-error")), true);
  });

  it("knows the rest of Envoy's words that HTTP/1.1 has a meaning for", () => {
    const on = (...retryOn: string[]): Partial<RetryState> => ({ policy: retryPolicy(1, { retryOn }) });
    for (const word of ["refused-stream", "reset-before-request", "reset", "5xx", "gateway-error"]) {
      assert.equal(retries(outcome("unsent"), on(word)), true, word);
    }
    for (const word of ["refused-stream", "reset-before-request", "connect-failure"]) {
      for (const kind of ["died", "protocol", "timeout", "response"] as const) {
        assert.equal(retries(outcome(kind), on(word)), false, `${word}, ${kind}`);
      }
    }
    const limited = outcome("response", { status: 503, isRateLimited: true });
    assert.equal(retries(limited, on("5xx", "retriable-status-codes")), false);
    assert.equal(retries(limited, on("envoy-ratelimited")), true);
    for (const word of ["cancelled", "unavailable", "http3-post-connect-failure"]) {
      for (const kind of KINDS) assert.equal(retries(outcome(kind), on(word)), false, `${word}, ${kind}`);
    }
  });

  it("says why it does not follow", () => {
    const decide = (how: Outcome, when: Partial<RetryState> = {}): number => decideRetry(how, state(when), 0.5);
    assert.equal(decide(outcome("response"), { attempts: 3 }), EXHAUSTED);
    assert.equal(decide(outcome("response"), { remainingMs: 0 }), LATE);
    assert.equal(decide(outcome("response"), { isRepeated: true }), REPEATED);
    assert.equal(decide(outcome("response", { isFinal: true })), FINAL);
    assert.equal(decide(outcome("response", { status: 404, isFinal: true })), COMMIT, "nobody wanted one");
    assert.equal(decide(outcome("response"), { policy: retryPolicy(0) }), COMMIT);
    assert.equal(decide(outcome("died", { isRaced: true }), { isRepeated: true }), 0, "a raced connection is no retry");
  });

  it("waits as long as the answer asks for, up to half of that more, within its bound and the deadline", () => {
    const policy = retryPolicy(3, { retryAfterMaxMs: 2_000, backoffBaseMs: 25, backoffMaxMs: 250 });
    const wait = (ms: number, unit: number, remainingMs = 10_000): number =>
      decideRetry(outcome("response", { retryAfterMs: ms }), state({ policy, remainingMs }), unit);
    assert.equal(wait(2_000, 0), 2_000);
    assert.equal(wait(2_000, 0.5), 2_500);
    assert.equal(wait(0, 0.5), 0);
    assert.equal(wait(2_001, 0.5), 12.5, "too long to be heard");
    assert.equal(wait(2_000, 0, 2_000), LATE);
    assert.equal(wait(-1, 0.5), 12.5);
    const deaf = state({ policy: retryPolicy(3, { backoffBaseMs: 25, backoffMaxMs: 250 }) });
    assert.equal(decideRetry(outcome("response", { retryAfterMs: 0 }), deaf, 0.5), 12.5, "not read by default");
  });

  it("waits with full jitter, never until the deadline", () => {
    const policy = retryPolicy(9, { backoffBaseMs: 25, backoffMaxMs: 250 });
    for (let attempts = 1; attempts <= 9; attempts += 1) {
      for (const unit of [0, 0.3, 0.999]) {
        const waitMs = decideRetry(outcome("died"), state({ policy, attempts }), unit);
        assert.equal(waitMs, Math.min(250, 25 * 2 ** (attempts - 1)) * unit);
      }
    }
    assert.equal(retries(outcome("died"), { policy, remainingMs: 12 }), false);
    assert.equal(retries(outcome("died"), { policy, remainingMs: 13 }), true);
    assert.equal(retries(outcome("died"), { policy, remainingMs: -1 }), false);
  });
});

const WORDS = ["5xx", "gateway-error", "reset", "connect-failure", "retriable-4xx", "retriable-status-codes"] as const;
const STATUSES = [400, 409, 429, 500, 502, 503, 504] as const;

describe("the decision to retry in random worlds", () => {
  it("never repeats what may not be done twice, nor beyond the policy, nor past the deadline", () => {
    let repeated = 0;
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const random = seededRandom(seed);
      const isOdd = (): boolean => random.unit() < 0.5;
      const policy = retryPolicy(random.below(4), {
        retryOn: WORDS.filter(isOdd),
        retryNonIdempotent: isOdd(),
        retryAfterMaxMs: isOdd() ? 5_000 : 0,
        backoffMaxMs: 1 + random.below(500),
      });
      const kind = KINDS[random.below(KINDS.length)] ?? "died";
      const status = kind === "response" ? (STATUSES[random.below(STATUSES.length)] ?? 503) : 0;
      const how = outcome(kind, {
        status,
        isRaced: kind === "died" && isOdd(),
        isFinal: kind === "response" && isOdd(),
        retryAfterMs: isOdd() ? random.below(10_000) : -1,
      });
      const when = state({
        policy: isOdd() ? policy : undefined,
        attempts: 1 + random.below(4),
        isIdempotent: isOdd(),
        isReplayable: random.unit() < 0.8,
        hasReplacedConnection: isOdd(),
        isRepeated: random.unit() < 0.3,
        remainingMs: random.below(3_000) - 500,
      });
      const waitMs = decideRetry(how, when, random.unit());
      if (waitMs < 0) continue;
      repeated += 1;
      const where = `seed ${seed}`;
      assert.ok(when.isReplayable, where);
      const isReplaced = how.isRaced && !when.hasReplacedConnection && when.isIdempotent;
      assert.ok(how.kind === "unsent" || when.isIdempotent || when.policy?.retryNonIdempotent === true, where);
      if (isReplaced) continue;
      assert.ok(when.policy !== undefined && when.attempts <= when.policy.retries, where);
      assert.ok(waitMs < when.remainingMs, `${where}: past the deadline`);
      assert.ok(!how.isFinal && !when.isRepeated, `${where}: somebody said that it is enough`);
    }
    assert.ok(repeated > SEEDS / 50, `only ${repeated}`);
  });
});

describe("idempotent", () => {
  it("are the methods of RFC 9110, and requests with a key of their own", () => {
    for (const method of ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]) assert.equal(isIdempotent(method, []), true);
    for (const method of ["POST", "PATCH", "get", "LOCK"]) assert.equal(isIdempotent(method, []), false);
    assert.equal(isIdempotent("POST", ["idempotency-key", "a"]), true);
    assert.equal(isIdempotent("POST", ["a", "idempotency-key"]), false);
  });
});
