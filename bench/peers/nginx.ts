import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { findProgram, versionOf } from "./find-program.ts";
import { freePort } from "./free-port.ts";
import { startHopChain } from "./hop-chain.ts";
import { RETRIES, SERVICES, TIMEOUT_MS, V1_PERCENT, type Absent, type RunningPeer, type Site } from "./peer.ts";
import { Program } from "./program.ts";

export async function startNginx(site: Site): Promise<RunningPeer | Absent> {
  const nginx = findProgram("nginx");
  if (nginx === undefined) return { name: "nginx", reason: "not on PATH" };
  return startHopChain("nginx", versionOf(nginx, ["-v"]), site, async (name, v1Port, v2Port) => {
    const port = await freePort();
    const folder = join(site.folder, name);
    mkdirSync(folder);
    const file = join(folder, "nginx.conf");
    writeFileSync(file, nginxConfig(port, folder, v1Port, v2Port));
    const program = new Program(nginx, ["-c", file, "-p", folder, "-e", join(folder, "error.log")]);
    await program.listening(port);
    return { program, port };
  });
}

/** One worker, pools kept on both sides, a server and a split per service, bodies streamed as the other proxies do. */
function nginxConfig(port: number, folder: string, v1Port: number, v2Port: number): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `  ${kind}_temp_path ${join(folder, kind)};\n`)
    .join("");
  const service = (name: string): string => `
  upstream ${name} {
    server 127.0.0.1:${v1Port} weight=${V1_PERCENT};
    server 127.0.0.1:${v2Port} weight=${100 - V1_PERCENT};
    keepalive 64;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port};
    server_name ${name};
    location / { proxy_pass http://${name}; }
  }
`;
  return `
${process.getuid?.() === 0 ? "user root;" : ""}
daemon off;
worker_processes 1;
worker_rlimit_nofile 4096;
pid ${join(folder, "nginx.pid")};
events { worker_connections 4000; }
http {
  access_log off;
  tcp_nodelay on;
  server_names_hash_bucket_size 64;
  keepalive_timeout 60s;
  keepalive_requests 1000000000;
  client_max_body_size 0;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $host;
  proxy_set_header X-Request-Id $request_id;
  proxy_request_buffering off;
  proxy_max_temp_file_size 0;
  proxy_read_timeout ${TIMEOUT_MS}ms;
  proxy_next_upstream error timeout http_502 http_503 http_504;
  proxy_next_upstream_tries ${RETRIES + 1};
${temporary}${SERVICES.map(service).join("")}}
`;
}
