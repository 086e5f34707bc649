import { constants } from "node:os";

import type { Timers } from "../../shared/timers.ts";
import { AppProcess } from "./app-process.ts";

/** What `heddle run` needs of the proxy it started. */
export interface ProxyBeside {
  /** Takes no new work, tells the mesh, settles when the last request is answered. */
  drain(): Promise<void>;
  /** Closes everything. Outbound calls work until then. */
  stop(): Promise<void>;
}

export interface RunOptions {
  readonly proxy: ProxyBeside;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** How long the app may take to end after SIGTERM. */
  readonly stopMs: number;
  readonly timers: Timers;
  readonly note: (line: string) => void;
}

/** Signals that mean nothing to a proxy and something to many apps. */
const PASSED_ON: readonly NodeJS.Signals[] = ["SIGHUP", "SIGUSR2", "SIGWINCH"];
const STOPPING: readonly NodeJS.Signals[] = ["SIGTERM", "SIGINT"];

/**
 * One life for a proxy and its app. The proxy is up before the app starts; on SIGTERM the mesh is told first and the last
 * requests are answered, then the app gets the signal, and the proxy goes last, so that the app can make calls to the
 * end. An app that ends by itself takes the proxy along. Settles with the app's exit code.
 */
export async function runApp(options: RunOptions): Promise<number> {
  const app = new AppProcess(options.command, options.environment);
  const signals = listenForSignals(app);
  try {
    const first = await Promise.race([app.exited, signals.stopping]);
    if (typeof first === "number") return first;
    options.note(`${first}: draining`);
    await Promise.race([options.proxy.drain(), app.exited, signals.again]);
    return await stopApp(app, first, options);
  } finally {
    signals.close();
    await options.proxy.stop();
  }
}

async function stopApp(app: AppProcess, signal: NodeJS.Signals, options: RunOptions): Promise<number> {
  app.signal(signal);
  const kill = options.timers.after(options.stopMs, () => {
    options.note(`the app did not end within ${options.stopMs / 1_000} s of ${signal}: SIGKILL`);
    app.signal("SIGKILL");
  });
  try {
    return await app.exited;
  } finally {
    kill.cancel();
  }
}

/** `stopping` settles with the first request to stop; `again` with the second, which means: do not wait. */
function listenForSignals(app: AppProcess): {
  readonly stopping: Promise<NodeJS.Signals>;
  readonly again: Promise<void>;
  close(): void;
} {
  const stopping = Promise.withResolvers<NodeJS.Signals>();
  const again = Promise.withResolvers<void>();
  let stops = 0;
  const stop = (signal: NodeJS.Signals): void => {
    stops += 1;
    if (stops === 1) stopping.resolve(signal);
    if (stops === 2) again.resolve();
    if (stops >= 3) app.signal("SIGKILL");
  };
  const pass = (signal: NodeJS.Signals): void => app.signal(signal);
  for (const signal of STOPPING) process.on(signal, stop);
  for (const signal of PASSED_ON) if (signal in constants.signals) process.on(signal, pass);
  return {
    stopping: stopping.promise,
    again: again.promise,
    close() {
      for (const signal of STOPPING) process.off(signal, stop);
      for (const signal of PASSED_ON) process.off(signal, pass);
    },
  };
}
