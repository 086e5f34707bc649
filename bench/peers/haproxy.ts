import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { findProgram, versionOf } from "./find-program.ts";
import { freePort } from "./free-port.ts";
import { startHopChain } from "./hop-chain.ts";
import { RETRIES, SERVICES, TIMEOUT_MS, V1_PERCENT, type Absent, type RunningPeer, type Site } from "./peer.ts";
import { Program } from "./program.ts";

export async function startHaproxy(site: Site): Promise<RunningPeer | Absent> {
  const haproxy = findProgram("haproxy");
  if (haproxy === undefined) return { name: "haproxy", reason: "not on PATH" };
  return startHopChain("haproxy", versionOf(haproxy, ["-v"]), site, async (name, v1Port, v2Port) => {
    const port = await freePort();
    const [file, map] = [join(site.folder, `${name}.cfg`), join(site.folder, `${name}.map`)];
    writeFileSync(map, SERVICES.map((service) => `${service} ${service}\n`).join(""));
    writeFileSync(file, haproxyConfig(port, map, v1Port, v2Port));
    const program = new Program(haproxy, ["-f", file, "-db"]);
    await program.listening(port);
    return { program, port };
  });
}

/** One thread, pools kept on both sides, a backend per service by a map, split, canary, retries and a request id. */
function haproxyConfig(port: number, map: string, v1Port: number, v2Port: number): string {
  const backend = (service: string): string => `
backend ${service}
  balance roundrobin
  server v1 127.0.0.1:${v1Port} weight ${V1_PERCENT}
  server v2 127.0.0.1:${v2Port} weight ${100 - V1_PERCENT}
backend ${service}-canary
  server v2 127.0.0.1:${v2Port}
`;
  return `
global
  nbthread 1
  maxconn 1500
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server ${TIMEOUT_MS}ms
  timeout http-keep-alive 60s
  http-reuse always
  retries ${RETRIES}
  retry-on conn-failure empty-response 502 503 504
  option redispatch
frontend bench
  bind 127.0.0.1:${port}
  http-request set-header x-request-id %[uuid()] unless { req.hdr(x-request-id) -m found }
  use_backend %[req.hdr(host),lower,map(${map})]-canary if { req.hdr(x-canary) true }
  use_backend %[req.hdr(host),lower,map(${map})]
${SERVICES.map(backend).join("")}`;
}
