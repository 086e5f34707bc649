import { formatAddress, type Address } from "../../shared/address.ts";
import type { Logger } from "../../shared/log.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { HttpListener } from "./http-listener.ts";

/** What a listener is opened with; the rest is the same for all. */
export interface ListenerSpec {
  readonly name: string;
  readonly routesOf: string;
  readonly direction: "inbound" | "outbound" | "unspecified";
  readonly fixedAuthority?: string;
}

/** Where requests come from: the app beside the proxy (`outbound`), or anybody else. */
export type Side = "inbound" | "outbound" | "both";

export type MakeListener = (spec: ListenerSpec) => HttpListener;

export interface OpenListener extends ListenerSpec {
  readonly address: Address;
  readonly http: HttpListener;
}

/** Why a port could not be opened. */
export class ListenFailed extends Error {
  override readonly name = "ListenFailed";
}

/** A listener that the configuration wants, by the address it was opened or is being opened for. */
interface Wanted {
  readonly bind: string;
  open: OpenListener | undefined;
}

/**
 * The open ports. Those of the proxy's own flags (`outbound`, `inbound`, `upstream:<service>`) stay from start to end;
 * listeners of other names, as a foreign control plane sends them, follow the configuration: a new one is opened, a
 * removed one drains, one whose address changed does both.
 */
export class ListenerSet {
  readonly #make: MakeListener;
  readonly #log: Logger;
  readonly #own: OpenListener[] = [];
  readonly #wanted = new Map<string, Wanted>();
  /** Removed ones that still have connections. */
  readonly #leaving = new Set<HttpListener>();
  #isDraining = false;

  constructor(make: MakeListener, log: Logger) {
    this.#make = make;
    this.#log = log;
  }

  /** Opens a port of the proxy's own. Throws {@link ListenFailed} in the words of the flag that names it. */
  async open(spec: ListenerSpec, address: Address, flag: string): Promise<Address> {
    const http = this.#make(spec);
    const bound = await orListenFailed(http.listen(address), address, flag);
    this.#own.push({ ...spec, address: bound, http });
    return bound;
  }

  /** Makes the other ports match the configuration. */
  follow(runtime: Runtime): void {
    const own = new Set(this.#own.map(({ routesOf }) => routesOf).concat("outbound", "inbound"));
    for (const [name, wanted] of this.#wanted) {
      const bind = own.has(name) ? undefined : runtime.listeners.get(name)?.bind;
      if (bind !== undefined && formatAddress(bind) === wanted.bind) continue;
      this.#wanted.delete(name);
      if (wanted.open !== undefined) this.#leave(wanted.open.http);
    }
    for (const { name, bind, direction } of runtime.listeners.values()) {
      if (bind === undefined || own.has(name) || this.#wanted.has(name) || this.#isDraining) continue;
      const wanted: Wanted = { bind: formatAddress(bind), open: undefined };
      this.#wanted.set(name, wanted);
      void this.#openWanted({ name, routesOf: name, direction }, bind, wanted);
    }
  }

  all(): readonly OpenListener[] {
    const wanted = [...this.#wanted.values()].flatMap(({ open }) => (open === undefined ? [] : [open]));
    return [...this.#own, ...wanted];
  }

  /** Requests on their way, also on ports that are closing; of one side, or of both. */
  inFlight(side: Side = "both"): number {
    let sum = 0;
    for (const { http } of this.#ofSide(side)) sum += http.inFlight;
    if (side !== "outbound") for (const http of this.#leaving) sum += http.inFlight;
    return sum;
  }

  connections(side: Side = "both"): number {
    let sum = 0;
    for (const { http } of this.#ofSide(side)) sum += http.connections;
    if (side !== "outbound") for (const http of this.#leaving) sum += http.connections;
    return sum;
  }

  /** No new connections; open ones end with their next response. */
  drain(side: Side = "both"): void {
    this.#isDraining = true;
    for (const { http } of this.#ofSide(side)) http.drain();
  }

  /** Ends everything now. */
  close(): void {
    this.#isDraining = true;
    for (const { http } of this.all()) http.close();
    for (const http of this.#leaving) http.close();
  }

  #ofSide(side: Side): readonly OpenListener[] {
    return this.all().filter(
      ({ direction }) => side === "both" || (direction === "outbound") === (side === "outbound"),
    );
  }

  async #openWanted(spec: ListenerSpec, address: Address, wanted: Wanted): Promise<void> {
    const http = this.#make(spec);
    try {
      const bound = await http.listen(address);
      if (this.#wanted.get(spec.name) === wanted && !this.#isDraining) {
        wanted.open = { ...spec, address: bound, http };
      } else {
        http.close();
      }
    } catch (error) {
      // Stays wanted, so that the same failure is not met at each change; a changed address tries again.
      this.#log.error({ listener: spec.name }, listenError(error, address, "the listener resource"));
    }
  }

  #leave(http: HttpListener): void {
    for (const gone of this.#leaving) if (gone.connections === 0) this.#leaving.delete(gone);
    http.drain();
    this.#leaving.add(http);
  }
}

/** The bound address, or {@link ListenFailed} in the words of the flag that names it. */
export async function orListenFailed(listening: Promise<Address>, address: Address, flag: string): Promise<Address> {
  try {
    return await listening;
  } catch (error) {
    throw new ListenFailed(listenError(error, address, flag), { cause: error });
  }
}

function listenError(error: unknown, address: Address, flag: string): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const where = formatAddress(address);
  if (code === "EADDRINUSE") {
    return `${flag}: ${where} is in use by another process; choose another port`;
  }
  if (code === "EACCES") return `${flag}: ${where} may only be opened by root; choose a port above 1023`;
  if (code === "EADDRNOTAVAIL") return `${flag}: ${address.host} is not an address of this machine`;
  if (code === "ENOTSUP") return `${flag}: this system cannot share a port among workers; start with --workers 1`;
  return `${flag}: ${where} cannot be opened: ${error instanceof Error ? error.message : String(error)}`;
}
