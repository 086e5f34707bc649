// The service that fails in the storm: it works on a few requests at once and lets others wait, as a pool of connections to
// a database does. Told `slow` on stdin it takes 20 times as long for each, told `well` as long as before. It works
// for callers who have given up, too: it cannot know. Usage: node ratings.ts NAME VERSION PORT SLOTS WORK_MS QUEUE_MAX
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createInterface } from "node:readline";

const SLOW_FACTOR = 20;

const [name = "", version = "", port = "", slots = "", workMs = "", queueMax = ""] = process.argv.slice(2);
const waiting: (() => void)[] = [];
let working = 0;
let factor = 1;
let seen: string[] = [];

const server = createServer((incoming: IncomingMessage, outgoing: ServerResponse) => {
  incoming.resume();
  const id = String(incoming.headers["x-load-id"] ?? "");
  seen.push(id);
  const answer = (): void => {
    outgoing.setHeader("x-load-id", id);
    outgoing.end(`${name} ${version}`);
  };
  if (working < Number(slots)) return work(answer);
  if (waiting.length < Number(queueMax)) return void waiting.push(answer);
  outgoing.writeHead(503);
  outgoing.end(`${name} ${version}: too many are waiting\n`);
});
server.keepAliveTimeout = 60_000;
server.listen(Number(port), "127.0.0.1", () => process.stdout.write(`listening ${port}\n`));

function work(answer: () => void): void {
  working += 1;
  setTimeout(
    () => {
      working -= 1;
      answer();
      const next = waiting.shift();
      if (next !== undefined) work(next);
    },
    Number(workMs) * factor,
  );
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
createInterface({ input: process.stdin })
  .on("line", (line) => (factor = line === "slow" ? SLOW_FACTOR : 1))
  .on("close", stop); // the demo is gone, whatever became of it
