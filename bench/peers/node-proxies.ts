import { createRequire } from "node:module";
import { join } from "node:path";

import { packageRoot } from "../../shared/package-root.ts";
import { freePort } from "./free-port.ts";
import { startHopChain } from "./hop-chain.ts";
import type { Absent, RunningPeer, Site } from "./peer.ts";
import { Program } from "./program.ts";

const here = import.meta.dirname;

/** The least that a proxy on node:http can be: the yardstick of this ecosystem. */
export function startNodeHttp(site: Site): Promise<RunningPeer> {
  return startHopChain("node-http", process.version, site, (_name, v1Port) =>
    startFile("node-http-server.ts", v1Port, []),
  );
}

/** The npm package, when somebody has installed it beside this project or named it in HEDDLE_HTTP_PROXY. */
export async function startHttpProxy(site: Site): Promise<RunningPeer | Absent> {
  const require = createRequire(join(packageRoot, "package.json"));
  const wanted = process.env["HEDDLE_HTTP_PROXY"] ?? "http-proxy";
  let path: string;
  let version: string;
  try {
    path = require.resolve(wanted);
    // Every package.json has a version.
    version = (require(`${wanted}/package.json`) as { version: string }).version;
  } catch {
    return {
      name: "http-proxy",
      reason: "not installed (npm install --no-save http-proxy, or HEDDLE_HTTP_PROXY=FOLDER)",
    };
  }
  return startHopChain("http-proxy", version, site, (_name, v1Port) =>
    startFile("http-proxy-server.ts", v1Port, [path]),
  );
}

async function startFile(
  file: string,
  upstreamPort: number,
  more: readonly string[],
): Promise<{ program: Program; port: number }> {
  const port = await freePort();
  // The same larger young generation that Heddle's proxy gives itself.
  const flags = ["--max-semi-space-size=64"];
  const program = new Program(process.execPath, [
    ...flags,
    join(here, file),
    String(port),
    String(upstreamPort),
    ...more,
  ]);
  await program.listening(port);
  return { program, port };
}
