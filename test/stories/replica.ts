import { once } from "node:events";
import { request } from "node:http";
import { json } from "node:stream/consumers";

import { startHeddle, type Child } from "../chaos/child.ts";
import type { AppBehaviour, AppCounts } from "./story-app.ts";

/** A request as an app saw it. */
export interface Sight {
  readonly method: string;
  readonly id: string;
}

/** One instance of a service: an app and its proxy, started together by `heddle run`. Its addresses outlive restarts. */
export class Replica {
  readonly service: string;
  readonly name: string;
  readonly inbound: string;
  /** All that its app has seen, over restarts. */
  readonly sights: Sight[] = [];
  readonly #appPort: number;
  #child: Child | undefined;
  #appPid = 0;
  #startAgain: () => Promise<void> = async () => {};

  constructor(own: { service: string; name: string; inbound: string; appPort: number }) {
    this.service = own.service;
    this.name = own.name;
    this.inbound = own.inbound;
    this.#appPort = own.appPort;
  }

  /** Settles when the proxy serves; its peers learn of the app as soon as that listens. */
  async start(folder: string, proxyArgs: readonly string[]): Promise<void> {
    this.#startAgain = () => this.start(folder, proxyArgs);
    const own = ["--service", this.service, "--app", `127.0.0.1:${this.#appPort}`, "--inbound", this.inbound];
    const app = [process.execPath, "test/stories/story-app.ts", this.name, String(this.#appPort)];
    const listening = Promise.withResolvers<void>();
    const onLine = (line: string): void => {
      const [word = "", first = "", id = ""] = line.split(" ");
      if (word === "seen") this.sights.push({ method: first, id });
      if (word !== "listening") return;
      this.#appPid = Number(first);
      listening.resolve();
    };
    const args = ["run", ...own, ...proxyArgs, "--", ...app];
    const { child } = await startHeddle(this.name, args, folder, { onLine });
    this.#child = child;
    child.exited.then(
      () => listening.reject(new Error(`ended before its app listened\n${child.lastWords()}`)),
      listening.reject,
    );
    await listening.promise;
  }

  /** As an operator would: SIGTERM, wait until it is gone, start it anew. */
  async restart(): Promise<void> {
    await this.#child?.terminate();
    await this.#startAgain();
  }

  /** As a crash: proxy and app end at once. */
  async kill(): Promise<void> {
    await this.#child?.kill();
    if (this.#appPid === 0) return;
    try {
      process.kill(this.#appPid, "SIGKILL"); // not a child of this process, and its parent is gone
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
    this.#appPid = 0;
  }

  async behave(behaviour: AppBehaviour): Promise<void> {
    await this.#steer("POST", behaviour);
  }

  async counts(): Promise<AppCounts> {
    return await this.#steer("GET", {});
  }

  /** Straight to the app, past every proxy. */
  async #steer(method: string, body: AppBehaviour): Promise<AppCounts> {
    const call = request({ host: "127.0.0.1", port: this.#appPort, path: "/story", method, agent: false });
    call.end(method === "POST" ? JSON.stringify(body) : undefined);
    const [response] = await once(call, "response");
    return (await json(response)) as AppCounts;
  }
}
