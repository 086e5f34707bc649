// One service of the demo, in a process of its own: a small HTTP server that calls others through whatever `http_proxy`
// says, as any program does. It knows nothing of a mesh. Usage: node service.ts NAME VERSION PORT [--forget-trace] [CALLEE...]
import { createServer, request, Agent, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";

const [name = "", version = "", port = "", ...args] = process.argv.slice(2);
const callees = args.filter((arg) => arg !== "--forget-trace");
/** The headers that tie a trace together; a careless program passes none of them on. */
const traceHeaders = args.includes("--forget-trace") ? [] : ["traceparent", "x-request-id"];
const proxy = new URL(process.env["http_proxy"] ?? "");
const agent = new Agent({ keepAlive: true });
let seen: string[] = [];

const server = createServer((incoming, outgoing) => {
  answer(incoming, outgoing).catch((error: Error) => {
    outgoing.writeHead(502);
    outgoing.end(`${name} ${version}: ${error.message}\n`);
  });
});
server.keepAliveTimeout = 60_000;
server.listen(Number(port), "127.0.0.1", () => process.stdout.write(`listening ${port}\n`));

async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const id = String(incoming.headers["x-load-id"] ?? "");
  seen.push(id);
  await text(incoming);
  const parts = await Promise.all(callees.map((callee) => call(callee, incoming, id)));
  outgoing.setHeader("x-load-id", id);
  outgoing.setHeader("content-type", "text/plain");
  outgoing.end([`${name} ${version}`, ...parts].join(" < "));
}

/** One call to another service by its name. */
function call(callee: string, incoming: IncomingMessage, id: string): Promise<string> {
  const headers: Record<string, string> = { host: callee, "x-load-id": id };
  for (const header of traceHeaders) {
    const value = incoming.headers[header];
    if (typeof value === "string") headers[header] = value;
  }
  return new Promise((done, failed) => {
    const { hostname, port: proxyPort } = proxy;
    const path = `http://${callee}${incoming.url ?? "/"}`;
    const outgoing = request({ host: hostname, port: proxyPort, method: incoming.method, path, headers, agent });
    outgoing.on("error", failed);
    outgoing.on("response", (response) => {
      text(response).then((body) => {
        if (response.statusCode === 200) done(body);
        else failed(new Error(`${callee} answered ${response.statusCode}: ${body.trim()}`));
      }, failed);
    });
    outgoing.end();
  });
}

// What arrived is told in batches, for the demo counts at both ends.
setInterval(tellSeen, 250).unref();

function tellSeen(): void {
  if (seen.length > 0) process.stdout.write(`seen ${seen.join(" ")}\n`);
  seen = [];
}

function stop(): void {
  tellSeen();
  process.exit(0);
}
process.on("SIGTERM", stop);
process.on("SIGINT", () => {}); // Ctrl-C reaches the whole terminal; the demo decides who ends when
process.stdin.on("end", stop).resume(); // the demo is gone, whatever became of it
