import { Deadline, type DeadlineOwner } from "../../shared/timer-wheel.ts";
import type { ResponseHead } from "../http1/message.ts";
import { REFUSED } from "../policy/circuit-breaker.ts";
import { admitAttempt, giveBack, OVERFLOW } from "./admit-attempt.ts";
import { Attempt, type AttemptOwner } from "./attempt.ts";
import { COMMIT, isRetriable, type Outcome } from "./decide-retry.ts";
import { hearAnswer } from "./hop-words.ts";
import type { LocalReason } from "./local-reply.ts";
import { outcomeOfResponse, TOO_SLOW } from "./outcome.ts";
import { pickEndpoint } from "./pick-endpoint.ts";
import { Race } from "./race.ts";
import type { RequestContext } from "./request-context.ts";
import { noteRetry, payForRetries, Retries } from "./retries.ts";

export interface TriesOwner extends AttemptOwner, DeadlineOwner {
  /** No attempt could begin, and none is under way. */
  onRefused(reason: LocalReason): void;
}

/**
 * The attempts of one request: the first, what follows it, and hedges.
 *
 *     begin ── admit ── pick ── attempt ──┬─ a good answer ──▶ win
 *       ▲                                 ├─ a bad one, a failure ──▶ another one goes on? else a retry?
 *       └──────────── pause ◀─────────────┴─ too slow ──▶ a hedge beside it
 */
export class Tries {
  readonly #ctx: RequestContext;
  readonly #owner: TriesOwner;
  readonly #race = new Race();
  /** Both are made when the first attempt fails: most requests have none. */
  #retries: Retries | undefined = undefined;
  #pause: Deadline | undefined = undefined;

  constructor(ctx: RequestContext, owner: TriesOwner) {
    this.#ctx = ctx;
    this.#owner = owner;
  }

  /** The newest that is under way, or the one that won. */
  get current(): Attempt | undefined {
    return this.#race.attempt;
  }

  has(attempt: Attempt): boolean {
    return this.#race.has(attempt);
  }

  /** The deadline is the end of the pause before a retry. */
  isPause(deadline: Deadline): boolean {
    return deadline === this.#pause;
  }

  /** `fresh`: not over a connection that has served before. */
  begin(fresh: boolean): void {
    const refused = this.#begin(fresh);
    if (refused !== undefined) this.#owner.onRefused(refused);
  }

  /** A bad answer. Whether it is not the answer to the request: another attempt goes on, or follows. */
  passesOver(head: ResponseHead, attempt: Attempt): boolean {
    const ctx = this.#ctx;
    hearAnswer(ctx, head);
    const outcome = outcomeOfResponse(head, ctx.services.clock.wallMs());
    if (this.#race.isHedged && isRetriable(outcome, ctx.route?.retry)) return this.#race.drop(attempt);
    return this.#isFollowed(outcome, String(head.status));
  }

  /** An attempt has failed. Whether another one goes on, or follows. */
  outlives(outcome: Outcome | undefined, reason: LocalReason, attempt: Attempt): boolean {
    if (this.#race.isHedged) return this.#race.drop(attempt);
    return outcome !== undefined && this.#isFollowed(outcome, reason);
  }

  /** Another try beside the one that is too slow; without one, that one goes on until the deadline of the request. */
  hedge(): void {
    const ctx = this.#ctx;
    const { cluster } = ctx;
    this.#retries ??= new Retries();
    if (cluster === undefined || this.#retries.next(ctx, cluster, TOO_SLOW) === COMMIT) {
      ctx.retryRefusal = "";
      return;
    }
    noteRetry(ctx, "hedge", this.#race.attempt?.endpoint);
    this.#race.hedge();
    if (this.#begin(false) !== undefined) this.#race.drop(undefined);
  }

  win(attempt: Attempt): void {
    this.#race.win(attempt);
    this.#ctx.endpoint = attempt.endpoint.key;
  }

  /** The service has had its time. */
  judgeTooSlow(): void {
    this.#race.judgeTooSlow();
  }

  /** Everything is given back; another attempt may still begin. */
  end(): void {
    if (this.#pause !== undefined) this.#ctx.services.wheel.cancel(this.#pause);
    this.#race.end();
    this.#retries?.giveBack();
  }

  /** Begins an attempt, unless there is a reason why not. */
  #begin(fresh: boolean): LocalReason | undefined {
    const ctx = this.#ctx;
    const { route, cluster } = ctx;
    if (route === undefined || cluster === undefined) return "internal";
    // Before the pick: what is refused leaves no trace at any endpoint (F2.65).
    const permit = admitAttempt(ctx, cluster);
    if (permit === REFUSED) return "circuit-open";
    if (permit === OVERFLOW) return "overflow";
    const endpoint = pickEndpoint(ctx, cluster);
    if (endpoint === undefined) {
      giveBack(cluster, permit);
      return "no-endpoint";
    }
    if (ctx.attempts === 0) payForRetries(ctx);
    ctx.attempts += 1;
    ctx.endpoint = endpoint.key;
    const isFresh = fresh || ctx.head.form === "authority";
    const attempt = new Attempt(ctx, this.#owner, { route, cluster, endpoint, permit, fresh: isFresh });
    this.#race.attempt = attempt;
    attempt.start();
    return undefined;
  }

  /** Whether the one attempt is repeated; then it has been given back, and the next one is under way. */
  #isFollowed(outcome: Outcome, why: string): boolean {
    const ctx = this.#ctx;
    const { cluster } = ctx;
    if (cluster === undefined || (ctx.route?.retry === undefined && !outcome.isRaced)) return false;
    this.#retries ??= new Retries();
    const isReplaced = outcome.isRaced && !this.#retries.hasReplacedConnection;
    const waitMs = this.#retries.next(ctx, cluster, outcome);
    if (waitMs === COMMIT) return false;
    const { attempt } = this.#race;
    this.#race.drop(attempt);
    if (isReplaced) {
      this.#retries.hasReplacedConnection = true;
      this.begin(true);
      return true;
    }
    noteRetry(ctx, why, attempt?.endpoint);
    this.#pause ??= new Deadline(this.#owner);
    ctx.services.wheel.arm(this.#pause, waitMs);
    return true;
  }
}
