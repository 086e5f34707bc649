import { fork, type ChildProcess } from "node:child_process";
import { join } from "node:path";

import { nextMessage } from "../peers/child-message.ts";
import type { Answer, Order, Report } from "./order.ts";

/** The generator's process, seen from the bench. One order at a time. */
export class LoadGenerator {
  readonly #child: ChildProcess;

  constructor() {
    this.#child = fork(join(import.meta.dirname, "generator.ts"), [], {
      execArgv: ["--max-semi-space-size=64"],
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
  }

  /** Throws when a response was wrong, missing or another request's. */
  async run(order: Order): Promise<Report> {
    if (!this.#child.connected) throw new Error("the load generator has ended");
    const answered = nextMessage<Answer>(this.#child);
    this.#child.send(order, () => undefined); // A channel that breaks now ends the process, which `answered` tells.
    const answer = await answered;
    if ("failure" in answer) throw new Error(answer.failure);
    return answer.report;
  }

  stop(): void {
    this.#child.kill();
  }
}
