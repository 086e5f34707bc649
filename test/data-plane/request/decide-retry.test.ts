import assert from "node:assert/strict";
import { describe, it } from "node:test";

import {
  COMMIT,
  decideRetry,
  isIdempotent,
  type Outcome,
  type OutcomeKind,
  type RetryState,
} from "../../../data-plane/request/decide-retry.ts";
import { retryPolicy } from "../../support/proxy-fixture.ts";

const outcome = (kind: OutcomeKind, parts: Partial<Outcome> = {}): Outcome => ({
  kind,
  status: kind === "response" ? 503 : 0,
  isRaced: false,
  ...parts,
});

const state = (parts: Partial<RetryState> = {}): RetryState => ({
  policy: retryPolicy(2),
  attempts: 1,
  isIdempotent: true,
  isReplayable: true,
  hasReplacedConnection: false,
  remainingMs: 1_000,
  ...parts,
});

const retries = (how: Outcome, when: Partial<RetryState> = {}): boolean =>
  decideRetry(how, state(when), 0.5) !== COMMIT;

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

describe("idempotent", () => {
  it("are the methods of RFC 9110, and requests with a key of their own", () => {
    for (const method of ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]) assert.equal(isIdempotent(method, []), true);
    for (const method of ["POST", "PATCH", "get", "LOCK"]) assert.equal(isIdempotent(method, []), false);
    assert.equal(isIdempotent("POST", ["idempotency-key", "a"]), true);
    assert.equal(isIdempotent("POST", ["a", "idempotency-key"]), false);
  });
});
