import { jitterAboveMs } from "../../shared/backoff.ts";
import { RECONNECT_MAX_MS, RECONNECT_MIN_MS } from "../../shared/defaults.ts";
import type { Random } from "../../shared/random.ts";
import type { Timer, Timers } from "../../shared/timers.ts";
import type { AppHealth } from "../upstream/app-check.ts";

export interface HealthReporterOptions {
  /** Tells a control plane; undefined: it knows now. Else why not, in words. Never rejects. */
  readonly send: (health: AppHealth) => Promise<string | undefined>;
  readonly timers: Timers;
  readonly random: Random;
}

/**
 * Sees to it that the control plane knows what the checks of the app came to: repeats the last word until it is heard, and
 * again after each reconnect, because the one that answers now may not be the one that was told. One call at a time;
 * only the newest word counts.
 */
export class HealthReporter {
  readonly #options: HealthReporterOptions;
  #word: AppHealth | undefined = undefined;
  #isConnected = false;
  #isHeard = true;
  #isSending = false;
  #failures = 0;
  #retry: Timer | undefined = undefined;

  constructor(options: HealthReporterOptions) {
    this.#options = options;
  }

  report(word: AppHealth): void {
    this.#word = word;
    this.#isHeard = false;
    this.#send();
  }

  onConnected(): void {
    this.#isConnected = true;
    this.#failures = 0;
    this.#isHeard = this.#word === undefined;
    this.#send();
  }

  onDisconnected(): void {
    this.#isConnected = false;
    this.#retry?.cancel();
  }

  #send(): void {
    const word = this.#word;
    if (word === undefined || this.#isHeard || this.#isSending || !this.#isConnected) return;
    this.#retry?.cancel();
    this.#isSending = true;
    void this.#options.send(word).then((refusal) => {
      this.#isSending = false;
      this.#isHeard = refusal === undefined && word === this.#word;
      if (refusal === undefined) this.#failures = 0;
      if (refusal === undefined || !this.#isConnected) return this.#send();
      this.#failures += 1;
      const { timers, random } = this.#options;
      const waitMs = jitterAboveMs(this.#failures, RECONNECT_MIN_MS, RECONNECT_MAX_MS, random.unit());
      this.#retry = timers.after(waitMs, () => this.#send());
    });
  }
}
