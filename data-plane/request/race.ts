import type { Attempt } from "./attempt.ts";

/**
 * The attempts of one request that are under way: one; or two, while one that is too slow goes on beside its hedge. Whichever
 * brings the first good answer wins, and the other is given back.
 */
export class Race {
  /** The newest, or the only one; undefined between attempts. */
  attempt: Attempt | undefined = undefined;
  /** It has had the time of a try, and goes on. */
  #slow: Attempt | undefined = undefined;

  get isHedged(): boolean {
    return this.#slow !== undefined;
  }

  has(attempt: Attempt): boolean {
    return attempt === this.attempt || attempt === this.#slow;
  }

  /** Makes room for a hedge: the present attempt becomes the slow one. There are two at most, so that an older one is given up. */
  hedge(): void {
    if (this.#slow !== undefined) giveUp(this.#slow);
    this.#slow = this.attempt;
    this.attempt = undefined;
  }

  /** The attempt is over. Whether another one goes on, which is then the only one. */
  drop(attempt: Attempt | undefined): boolean {
    const other = attempt === this.#slow ? this.attempt : this.#slow;
    attempt?.release();
    this.attempt = other;
    this.#slow = undefined;
    return other !== undefined;
  }

  /** The attempt's answer is the answer. */
  win(attempt: Attempt): void {
    if (this.#slow === undefined) return;
    if (attempt === this.#slow) this.attempt?.release();
    else giveUp(this.#slow);
    this.attempt = attempt;
    this.#slow = undefined;
  }

  /** Nobody waits any longer: the service has had its time. */
  judgeTooSlow(): void {
    this.attempt?.judge("local", undefined);
    this.#slow?.judge("local", undefined);
  }

  end(): void {
    this.attempt?.release();
    if (this.#slow !== undefined) giveUp(this.#slow);
    this.attempt = undefined;
    this.#slow = undefined;
  }
}

/** It was slower than a try may be, which is told to those who judge endpoints. */
function giveUp(slow: Attempt): void {
  slow.judge("local", undefined);
  slow.release();
}
