import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { parseAddress, type Address } from "../../shared/address.ts";
import { findEnvoy, until } from "../support/envoy.ts";

const LISTENER = "in";

/** An Envoy with one worker before an app of the test's, which refuses nobody: what Heddle is held against. */
export class LoneEnvoy {
  readonly #folder = mkdtempSync(join(tmpdir(), "heddle-envoy-"));
  #process: ChildProcess | undefined;
  #inbound: Address | undefined;

  /** Its limits of connections and requests are `room`. */
  async start(appPort: number, room: number): Promise<void> {
    const found = findEnvoy();
    if ("skip" in found) throw new Error(found.skip);
    const [config, adminFile] = [join(this.#folder, "envoy.json"), join(this.#folder, "admin")];
    writeFileSync(config, JSON.stringify(bootstrap(appPort, room)));
    const flags = ["--use-dynamic-base-id", "--concurrency", "1", "-l", "error", "--admin-address-path", adminFile];
    this.#process = spawn(found.path, ["-c", config, ...flags], { stdio: "ignore" });
    await until(async () => this.#isUp() && existsSync(adminFile) && readFileSync(adminFile, "utf8") !== "");
    const admin = readFileSync(adminFile, "utf8").trim();
    await until(async () => {
      const listeners = await (await fetch(`http://${admin}/listeners`)).text();
      const parsed = parseAddress(new RegExp(`^${LISTENER}::(.+)$`, "m").exec(listeners)?.[1] ?? "");
      if (parsed.ok) this.#inbound = parsed.value;
      return parsed.ok;
    });
  }

  /** Where requests to the app are sent. */
  get address(): Address {
    if (this.#inbound === undefined) throw new Error("the envoy has not been started");
    return this.#inbound;
  }

  get pid(): number {
    return this.#process?.pid ?? -1;
  }

  async stop(): Promise<void> {
    const envoy = this.#process;
    if (envoy !== undefined && envoy.exitCode === null && envoy.signalCode === null) {
      envoy.kill("SIGKILL");
      await once(envoy, "exit");
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #isUp(): true {
    if (this.#process?.exitCode === null) return true;
    throw new Error(`envoy ended (${this.#process?.exitCode}) before it served`);
  }
}

function bootstrap(appPort: number, room: number): object {
  const address = (port: number): object => ({ socket_address: { address: "127.0.0.1", port_value: port } });
  const extension = (name: string, type: string, more: object): object => ({
    name,
    typed_config: { "@type": `type.googleapis.com/envoy.extensions.filters.${type}`, ...more },
  });
  const router = extension("envoy.filters.http.router", "http.router.v3.Router", {});
  const routes = [{ match: { prefix: "/" }, route: { cluster: "app" } }];
  const manager = extension(
    "envoy.filters.network.http_connection_manager",
    "network.http_connection_manager.v3.HttpConnectionManager",
    {
      stat_prefix: LISTENER,
      route_config: { virtual_hosts: [{ name: "app", domains: ["*"], routes }] },
      http_filters: [router],
    },
  );
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: address(appPort) } }] }];
  return {
    admin: { address: address(0) },
    static_resources: {
      listeners: [{ name: LISTENER, address: address(0), filter_chains: [{ filters: [manager] }] }],
      clusters: [
        {
          name: "app",
          type: "STATIC",
          circuit_breakers: {
            thresholds: [{ max_connections: room, max_pending_requests: room, max_requests: room }],
          },
          load_assignment: { cluster_name: "app", endpoints },
        },
      ],
    },
  };
}
