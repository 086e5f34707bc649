import { startProxy, type Proxy } from "./app.ts";
import type { ProxyConfig } from "./config.ts";

/** How a proxy that runs in this process came to its end. */
export interface RunningProxy {
  readonly proxy: Proxy;
  /** Settles after a drain that a signal, or somebody at the admin port, asked for. */
  readonly ended: Promise<void>;
}

/**
 * Starts a proxy that ends as a process should: SIGTERM and SIGINT drain it, a second one ends the process at once, and
 * SIGHUP opens the access log anew. Throws `ListenFailed` in words for the operator.
 */
export async function runProxy(config: ProxyConfig): Promise<RunningProxy> {
  const proxy = await startProxy(config);
  const asked = Promise.withResolvers<void>();
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    signals += 1;
    if (signals > 1) process.exit(signal === "SIGINT" ? 130 : 143);
    proxy.log.info({ signal }, "draining; once more ends at once");
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
