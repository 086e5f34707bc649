import { formatAddress, type Address } from "../../shared/address.ts";
import type { Timers } from "../../shared/timers.ts";
import { acceptsConnections } from "./accepts-connections.ts";
import { AppProcess } from "./app-process.ts";
import { listenForSignals, type Signals } from "./signals.ts";

/** What `heddle run` needs of the proxy it started. */
export interface ProxyBeside {
  /** Settles when the proxy can route: its outbound port answers with more than "no configuration". */
  readonly serving: Promise<void>;
  /** Opens the inbound port and tells the mesh that this instance is there. */
  openInbound(): Promise<void>;
  /** Takes no new work, tells the mesh, settles when the last request is answered. */
  drain(): Promise<void>;
  /** Closes everything. Outbound calls work until then. */
  stop(): Promise<void>;
}

export interface RunOptions {
  readonly proxy: ProxyBeside;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Where the app will listen; undefined when it only makes calls. */
  readonly app: Address | undefined;
  /** How long the app may take to end after SIGTERM. */
  readonly stopMs: number;
  readonly timers: Timers;
  readonly note: (line: string) => void;
}

/** A proxy without a configuration is said to be waited for after this long. */
const QUIET_MS = 2_000;
/** And a program that does not listen after this. */
const APP_QUIET_MS = 10_000;

/**
 * One life for a proxy and its app. The proxy routes before the app starts; peers are sent to the app once it listens.
 * On SIGTERM the mesh is told first and the last requests are answered, then the app gets the signal, and the proxy goes
 * last, so that the app can make calls to the end. An app that ends by itself takes the proxy along. Settles with the
 * app's exit code.
 */
export async function runApp(options: RunOptions): Promise<number> {
  const signals = listenForSignals();
  try {
    const early = await Promise.race([untilServing(options), signals.stopping]);
    if (early !== undefined) return 0; // nothing was started, so nothing failed
    const app = new AppProcess(options.command, options.environment);
    signals.passTo(app);
    return await live(app, signals, options);
  } finally {
    signals.close();
    await options.proxy.stop();
  }
}

async function untilServing({ proxy, timers, note }: RunOptions): Promise<undefined> {
  const quiet = timers.after(QUIET_MS, () => note("no configuration yet; the program starts when there is one"));
  await proxy.serving;
  quiet.cancel();
}

async function live(app: AppProcess, signals: Signals, options: RunOptions): Promise<number> {
  const { proxy, note } = options;
  const ended = new AbortController();
  const exited = app.exited.finally(() => ended.abort());
  const opened = openWhenAppListens(options, ended.signal).catch((error: unknown) => {
    app.signal("SIGTERM"); // its port cannot be opened: without peers it has nothing to do
    throw error;
  });
  const first = await Promise.race([exited, signals.stopping, opened.then(() => exited)]);
  if (typeof first === "number") return first;
  note(`${first}: draining`);
  ended.abort();
  await Promise.race([proxy.drain(), exited, signals.again]);
  return stopApp(app, first, options);
}

async function openWhenAppListens(options: RunOptions, signal: AbortSignal): Promise<void> {
  const { app, proxy, timers, note } = options;
  if (app === undefined) return;
  const quiet = timers.after(APP_QUIET_MS, () =>
    note(`the program does not listen at ${formatAddress(app)} yet; peers are not sent there`),
  );
  const isListening = await acceptsConnections(app, signal);
  quiet.cancel();
  if (isListening) await proxy.openInbound();
}

async function stopApp(app: AppProcess, signal: NodeJS.Signals, options: RunOptions): Promise<number> {
  app.signal(signal);
  const kill = options.timers.after(options.stopMs, () => {
    options.note(`the program did not end within ${options.stopMs / 1_000} s of ${signal}: SIGKILL`);
    app.signal("SIGKILL");
  });
  try {
    return await app.exited;
  } finally {
    kill.cancel();
  }
}
