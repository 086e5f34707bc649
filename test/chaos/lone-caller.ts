import { parseAddress, type Address } from "../../shared/address.ts";
import type { HeddleProcess } from "./child.ts";
import { LoneProxy } from "./lone-proxy.ts";

/** The proxy of an app that calls a service with a proxy of its own: what is measured is the caller's. */
export class LoneCaller {
  readonly #service = new LoneProxy();
  #caller: HeddleProcess | undefined;

  /** The limits of connections of both proxies are `room`. */
  async start(appPort: number, room: number): Promise<void> {
    await this.#service.start(appPort, roomFlags(room));
    this.#caller = await this.#service.startCaller(roomFlags(room));
  }

  /** Where the app sends its calls. */
  get address(): Address {
    const parsed = parseAddress(this.#caller?.ready["outbound"] ?? "");
    if (!parsed.ok) throw new Error(parsed.error);
    return parsed.value;
  }

  get pid(): number {
    return this.#caller?.child.pid ?? -1;
  }

  async stop(): Promise<void> {
    await this.#caller?.child.kill();
    await this.#service.stop();
  }
}

export function roomFlags(room: number): readonly string[] {
  return ["--client-connections-max", String(room), "--connections-max", String(room)];
}
