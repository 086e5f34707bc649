import { setTimeout as wait } from "node:timers/promises";

const POLL_MS = 20;
const PATIENCE_MS = 60_000;

/** Asks a process again and again; throws when it never comes true. */
export async function until(
  condition: () => Promise<boolean> | boolean,
  what: string,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`still not so: ${what}`);
    await wait(POLL_MS);
  }
}
