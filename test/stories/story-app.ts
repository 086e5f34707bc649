// The app of a story, in a process of its own: a small HTTP server that knows nothing of a mesh and calls others through
// whatever `http_proxy` says. How it behaves is told to it on its own port, past the mesh, at /story: a POST with an
// AppBehaviour, a GET for its AppCounts. Usage: node story-app.ts NAME PORT
import { createServer, request as call, type IncomingMessage, type ServerResponse } from "node:http";
import { json } from "node:stream/consumers";

/** How an app behaves from now on; what is left out stays as it is. */
export interface AppBehaviour {
  /** Answers 503 to everything. */
  readonly fails?: boolean;
  /** How long each request takes. */
  readonly workMs?: number;
  /** Requests that are worked on at once; others wait in line. 0: all. */
  readonly workers?: number;
  /** The service that it calls for each request, or "": then its answer is the app's. */
  readonly calls?: string;
  /** Whether the trace headers of a request go along with the call. */
  readonly passesTraceOn?: boolean;
}

export interface AppCounts {
  /** Requests that came, and those of them that were worked on to their end. */
  readonly seen: number;
  readonly worked: number;
  /** How long all workers together were busy. */
  readonly busyMs: number;
}

/** An app that forgets about clients who have left, as most do, must at least have an end to its line. */
const LINE_MAX = 10_000;

const [name = "", port = ""] = process.argv.slice(2);
const behaviour = { fails: false, workMs: 0, workers: 0, calls: "", passesTraceOn: true };
const counts = { seen: 0, worked: 0, busyMs: 0 };
const line: (() => void)[] = [];
let working = 0;

const server = createServer((request, response) => {
  if (request.url === "/story") return void steer(request, response);
  counts.seen += 1;
  process.stdout.write(`seen ${request.method} ${idOf(request)}\n`);
  // Worked on when all of it has come, also for a client who is gone by then.
  return void request.resume().on("end", () => enter(() => answer(request, response)));
});
server.keepAliveTimeout = 60_000;
server.listen(Number(port), "127.0.0.1", () => process.stdout.write(`listening ${process.pid}\n`));
process.on("SIGTERM", () => process.exit(0));
// Nobody may be left behind, also when the test and `heddle run` are killed.
const parent = process.ppid;
setInterval(() => process.ppid === parent || process.exit(0), 500).unref();

async function steer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method === "POST") Object.assign(behaviour, await json(request));
  response.end(JSON.stringify(counts));
}

function enter(done: () => void): void {
  if (behaviour.workers > 0 && working >= behaviour.workers) {
    if (line.length < LINE_MAX) line.push(done);
    return;
  }
  work(done);
}

function work(done: () => void): void {
  const startedMs = performance.now();
  working += 1;
  const leave = (): void => {
    working -= 1;
    counts.worked += 1;
    counts.busyMs += performance.now() - startedMs;
    done();
    while (line.length > 0 && (behaviour.workers === 0 || working < behaviour.workers)) work(line.shift()!);
  };
  if (behaviour.workMs > 0) setTimeout(leave, behaviour.workMs);
  else leave();
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader("x-load-id", idOf(request));
  response.setHeader("content-type", "application/json");
  const say = (status: number, word: string): void => {
    response.writeHead(status).end(JSON.stringify({ status: word, instance: name }));
  };
  if (behaviour.fails) return say(503, "error");
  if (behaviour.calls === "") return say(200, "success");
  // The global agent goes through http_proxy by itself (NODE_USE_ENV_PROXY, which `heddle run` sets).
  const outgoing = call(`http://${behaviour.calls}/`, { headers: headersFor(request) }, (incoming) => {
    incoming.resume();
    if (incoming.statusCode === 200) say(200, "success");
    else say(503, "error");
  });
  outgoing.on("error", () => say(503, "error"));
  return void outgoing.end();
}

function headersFor(request: IncomingMessage): Record<string, string> {
  const { traceparent } = request.headers;
  const trace = behaviour.passesTraceOn && typeof traceparent === "string" ? { traceparent } : {};
  return { "x-load-id": idOf(request), ...trace };
}

function idOf(request: IncomingMessage): string {
  return String(request.headers["x-load-id"] ?? "");
}
