// Many proxies in one process, each with its own stream: what a control plane meets when it comes back.
// Usage: node herd.ts CONTROL_PLANE COUNT; writes "connected COUNT" once each serves a snapshot.
import { writeSync } from "node:fs";

import { startProxy } from "../../data-plane/app.ts";
import { readProxyConfig } from "../../data-plane/config.ts";

const [controlPlane = "", count = "50"] = process.argv.slice(2);

await Promise.all(
  Array.from({ length: Number(count) }, async (_, n) => {
    const config = readProxyConfig({
      service: "herd",
      name: `herd-${n + 1}`,
      controlPlane,
      outbound: "127.0.0.1:0",
      admin: "127.0.0.1:0",
      logLevel: "error",
      accessLog: "off",
    });
    if (!config.ok) throw new Error(JSON.stringify(config.error));
    await startProxy(config.value);
  }),
);
writeSync(1, `connected ${count}\n`);
