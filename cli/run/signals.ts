import type { AppProcess } from "./app-process.ts";

const STOPPING: readonly NodeJS.Signals[] = ["SIGTERM", "SIGINT"];
/** Signals that mean nothing to a proxy and something to many programs. SIGUSR2 is the proxy's: it rotates the log. */
const PASSED_ON: readonly NodeJS.Signals[] = ["SIGHUP", "SIGWINCH"];

/** The signals of a supervisor: the first request to stop drains, the second does not wait, the third kills. */
export interface Signals {
  /** Settles with the first SIGTERM or SIGINT. */
  readonly stopping: Promise<NodeJS.Signals>;
  /** Settles with the second. */
  readonly again: Promise<void>;
  /** From now on the other signals go to the app, and the third request to stop kills it. */
  passTo(app: AppProcess): void;
  close(): void;
}

export function listenForSignals(): Signals {
  const stopping = Promise.withResolvers<NodeJS.Signals>();
  const again = Promise.withResolvers<void>();
  let app: AppProcess | undefined;
  let stops = 0;
  const stop = (signal: NodeJS.Signals): void => {
    stops += 1;
    if (stops === 1) stopping.resolve(signal);
    if (stops === 2) again.resolve();
    if (stops >= 3) app?.signal("SIGKILL");
  };
  const pass = (signal: NodeJS.Signals): void => app?.signal(signal);
  for (const signal of STOPPING) process.on(signal, stop);
  for (const signal of PASSED_ON) process.on(signal, pass);
  return {
    stopping: stopping.promise,
    again: again.promise,
    passTo: (started) => {
      app = started;
    },
    close: () => {
      for (const signal of STOPPING) process.off(signal, stop);
      for (const signal of PASSED_ON) process.off(signal, pass);
    },
  };
}
