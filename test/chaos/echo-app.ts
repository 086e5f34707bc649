// A service of the chaos test, in a process of its own: answers every request with its name and the request's id, and
// writes a line for each request it saw, so that both ends can be counted. Usage: node echo-app.ts NAME [PORT]
import { writeSync } from "node:fs";
import { createServer } from "node:http";

const [name = "echo", port = "0"] = process.argv.slice(2);
const started = process.hrtime.bigint();

const server = createServer((request, response) => {
  const id = String(request.headers["x-load-id"] ?? "");
  let bytes = 0;
  request.on("data", (chunk: Buffer) => (bytes += chunk.length));
  request.on("end", () => {
    writeSync(1, `seen ${request.method} ${id} ${bytes}\n`);
    const slowMs = Number(request.headers["x-work-ms"] ?? 0);
    const answer = (): void => {
      response.setHeader("x-load-id", id);
      response.setHeader("x-instance", name);
      response.end(JSON.stringify({ name, id, bytes }));
    };
    if (slowMs > 0) setTimeout(answer, slowMs);
    else answer();
  });
});

server.listen(Number(port), "127.0.0.1", () => {
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("no TCP address");
  writeSync(1, `listening ${bound.port}\n`);
});
process.on("SIGTERM", () => {
  writeSync(1, `stopped after ${(process.hrtime.bigint() - started) / 1_000_000n} ms\n`);
  process.exit(0);
});
