import type { Proxy } from "./app.ts";
import type { ProxyConfig } from "./config.ts";
import { keepYoungHeapSmall, letYoungHeapGrow } from "./young-heap.ts";

/** A proxy that runs in this process until it is told to end. */
export interface RunningProxy {
  readonly proxy: Proxy;
  /** Settles when a signal, or somebody at the admin port, has asked for the end, and the drain and the stop are done. */
  readonly ended: Promise<void>;
}

/**
 * Starts a proxy that ends as a process should: SIGTERM and SIGINT drain it, a second one ends the process at once, and
 * SIGHUP opens the access log anew. Throws `ListenFailed` in words for the operator.
 */
export async function runProxy(config: ProxyConfig): Promise<RunningProxy> {
  keepYoungHeapSmall();
  const { startProxy } = await import("./app.ts");
  const proxy = await startProxy(config);
  letYoungHeapGrow();
  const asked = Promise.withResolvers<void>();
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    signals += 1;
    if (signals > 1) process.exit(signal === "SIGINT" ? 130 : 143);
    proxy.log.info({ signal }, "draining; a second signal ends at once");
    asked.resolve();
  };
  const onRotate = (): void => void proxy.reopenAccessLog();
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal).on("SIGHUP", onRotate);
  const ended = Promise.race([asked.promise, proxy.quitAsked])
    .then(() => proxy.drain())
    .then(() => proxy.stop())
    .finally(() => process.off("SIGTERM", onSignal).off("SIGINT", onSignal).off("SIGHUP", onRotate));
  return { proxy, ended };
}
