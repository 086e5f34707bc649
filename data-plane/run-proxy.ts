import { constants } from "node:os";

import { systemTimers } from "../shared/timers.ts";
import type { Proxy } from "./app.ts";
import type { ProxyConfig } from "./config.ts";
import { keepYoungHeapSmall } from "./young-heap.ts";

/** A stopped process that still lives after this is ended. */
const LINGER_MS = 1_000;
const END_SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/** A proxy that runs in this process until it is told to end. */
export interface RunningProxy {
  readonly proxy: Proxy;
  /** Settles when a signal, or somebody at the admin port, has asked for the end, and the drain and the stop are done. */
  readonly ended: Promise<void>;
}

/**
 * Starts a proxy that ends as a process should: SIGTERM, SIGINT and SIGHUP (its terminal closed) drain it, a second one
 * ends the process at once, and SIGUSR2 opens the access log anew. Throws `ListenFailed` in words for the operator.
 */
export async function runProxy(config: ProxyConfig): Promise<RunningProxy> {
  keepYoungHeapSmall();
  const { startProxy } = await import("./app.ts");
  const proxy = await startProxy(config);
  const asked = Promise.withResolvers<void>();
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    signals += 1;
    // As the shell would say it of a process that the signal ended.
    if (signals > 1) process.exit(128 + constants.signals[signal]);
    proxy.log.info({ signal }, "draining; a second signal ends at once");
    asked.resolve();
  };
  const onRotate = (): void => void proxy.reopenAccessLog();
  for (const signal of END_SIGNALS) process.on(signal, onSignal);
  process.on("SIGUSR2", onRotate);
  const ended = Promise.race([asked.promise, proxy.quitAsked])
    .then(() => proxy.drain())
    .then(() => proxy.stop())
    // Nothing should be left that keeps the process; if something is, nobody waits for it.
    .then(() => void systemTimers.after(LINGER_MS, () => process.exit()))
    .finally(() => {
      for (const signal of END_SIGNALS) process.off(signal, onSignal);
      process.off("SIGUSR2", onRotate);
    });
  return { proxy, ended };
}
