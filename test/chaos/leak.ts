import { seededRandom, type Random } from "../../shared/random.ts";
import { bodyOf, RawClient } from "../support/raw-client.ts";
import { LoneProxy } from "./lone-proxy.ts";
import { ScriptedApp } from "./scripted-app.ts";
import { until } from "./until.ts";

export interface LeakRun {
  readonly seed: number;
  readonly requests: number;
  readonly aborted: number;
  /** After each part of the run everything comes to rest and is counted. */
  readonly parts: number;
  readonly onCount: (count: Count) => void;
}

/** What the proxy's process holds when no request is under way. */
export interface Count {
  readonly requests: number;
  readonly connections: number;
  readonly active: number;
  readonly waiting: number;
  /** Of upstreams; between requests each is idle and has one deadline, and nothing else has any. */
  readonly upstreams: number;
  readonly idle: number;
  readonly deadlines: number;
  /** Without the upstreams'. */
  readonly descriptors: number;
  readonly heapMb: number;
  readonly externalMb: number;
  readonly residentMb: number;
}

export interface LeakVerdict {
  readonly counts: readonly Count[];
  readonly answered: number;
  readonly aborted: number;
  readonly failures: readonly string[];
}

const LOOPS = 16;
const BATCH = 20;
const BATCHES_PER_CONNECTION = 100;
/** Code that gets hot late, and tables that double; 4 bytes of each of a million requests. */
const HEAP_GROWTH_MB_MAX = 4;
/** The scrape's own connection, and the one before it that is still closing. */
const DESCRIPTORS_SPARE = 3;
/** Collects garbage when it is told to: what is left is held by something. */
const COLLECTS = ["--expose-gc", "--import", 'data:text/javascript,process.on("SIGPWR",()=>gc())'];

/**
 * Requests of all kinds over few connections and, beside them, requests that are given up at any step by either side. What
 * the proxy holds is counted after each part, at rest: none of it may grow. Every answer has the id of its request.
 */
export async function runLeak(run: LeakRun): Promise<LeakVerdict> {
  const app = new ScriptedApp();
  const proxy = new LoneProxy(COLLECTS);
  const counts: Count[] = [];
  const tally = { answered: 0, aborted: 0, failures: new Set<string>() };
  try {
    await proxy.start(await app.listen());
    const random = seededRandom(run.seed);
    // The first part warms everything up, and is not compared.
    for (let part = 0; part <= run.parts; part += 1) {
      const load = { proxy, app, random, tally };
      await Promise.all(
        Array.from({ length: LOOPS }, () =>
          loop(load, run.requests / run.parts / LOOPS, run.aborted / run.parts / LOOPS),
        ),
      );
      const count = await countAtRest(proxy);
      counts.push(count);
      run.onCount(count);
    }
    return {
      counts,
      answered: tally.answered,
      aborted: tally.aborted,
      failures: [...tally.failures, ...leaks(counts)],
    };
  } finally {
    app.close();
    await proxy.stop();
  }
}

interface Load {
  readonly proxy: LoneProxy;
  readonly app: ScriptedApp;
  readonly random: Random;
  readonly tally: { answered: number; aborted: number; readonly failures: Set<string> };
}

/** Aborted requests stand between the batches of good ones. */
async function loop(load: Load, requests: number, aborts: number): Promise<void> {
  const batches = Math.ceil(requests / BATCH);
  let client: RawClient | undefined;
  let aborted = 0;
  for (let batch = 0; batch < batches; batch += 1) {
    if (batch % BATCHES_PER_CONNECTION === 0) {
      client?.destroy();
      client = await RawClient.connect(load.proxy.inbound.port);
    }
    for (; aborted < ((batch + 1) / batches) * aborts; aborted += 1) await abortOne(load);
    // Last, so that its connection upstream is there to be counted.
    if (client !== undefined) await sendBatch(load, client);
  }
  client?.destroy();
}

async function sendBatch({ random, tally }: Load, client: RawClient): Promise<void> {
  const ids = Array.from({ length: BATCH }, () => newId(random));
  client.write(ids.map((id) => goodRequest(id, random)).join(""));
  for (const id of ids) {
    const response = await client.response();
    if (response.startsWith("HTTP/1.1 200 ") && bodyOf(response) === id) tally.answered += 1;
    else tally.failures.add(`not the answer of ${id}: ${response.slice(0, 200)}`);
  }
}

function goodRequest(id: string, random: Random): string {
  switch (random.below(4)) {
    case 0:
      return `GET /chunked/${id} HTTP/1.1\r\nHost: reviews\r\n\r\n`;
    case 1:
      return `POST /ok/${id} HTTP/1.1\r\nHost: reviews\r\ncontent-length: 5\r\n\r\nhello`;
    case 2:
      return `POST /ok/${id} HTTP/1.1\r\nHost: reviews\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`;
    default:
      return `GET /ok/${id} HTTP/1.1\r\nHost: reviews\r\n\r\n`;
  }
}

/** A connection with one request that does not come to its end. */
async function abortOne({ proxy, app, random, tally }: Load): Promise<void> {
  const client = await RawClient.connect(proxy.inbound.port);
  const id = newId(random);
  const get = (kind: string): string => `GET /${kind}/${id} HTTP/1.1\r\nHost: reviews\r\n\r\n`;
  const halfPost = `POST /ok/${id} HTTP/1.1\r\nHost: reviews\r\ncontent-length: 10\r\n\r\nhalf`;
  switch (random.below(7)) {
    case 0: // In the head.
      client.write(get("ok").slice(0, 1 + random.below(30)));
      break;
    case 1: // In the body.
      client.write(halfPost);
      break;
    case 2: // At any moment of a request that is served.
      client.write(get("chunked"));
      break;
    case 3: // While the upstream has it.
      client.write(get("never"));
      await app.seen(id);
      break;
    case 4: // By the upstream, in its answer.
      client.write(get("die"));
      await client.closed();
      if (!client.wasReset) tally.failures.add(`half an answer looked whole: ${client.received}`);
      break;
    case 5: // By an orderly end in the body.
      client.socket.end(halfPost, "latin1");
      if (!(await client.response()).startsWith("HTTP/1.1 400 ")) tally.failures.add("half a body was no error");
      break;
    default: // Without a byte.
  }
  client.socket.resetAndDestroy();
  tally.aborted += 1;
}

function newId(random: Random): string {
  return `i${Math.floor(random.unit() * 2 ** 48).toString(36)}`;
}

async function countAtRest(proxy: LoneProxy): Promise<Count> {
  let count = await countNow(proxy);
  await until(async () => {
    count = await countNow(proxy);
    return hasNoRequests(count);
  }, "all requests have left").catch(() => {});
  proxy.signal("SIGPWR");
  // The signal has its turn before the second answer at the latest.
  await countNow(proxy);
  // A deadline that was left over would pass meanwhile: it is in the count that first saw everybody gone.
  return isAtRest(count) ? countNow(proxy) : count;
}

function hasNoRequests({ connections, active, waiting, upstreams, idle }: Count): boolean {
  return connections + active + waiting === 0 && upstreams === idle;
}

function isAtRest(count: Count): boolean {
  return hasNoRequests(count) && count.deadlines === count.upstreams;
}

async function countNow(proxy: LoneProxy): Promise<Count> {
  const metrics = await proxy.metrics();
  const mb = (bytes: number): number => Math.round((bytes / 2 ** 20) * 10) / 10;
  const upstreams = metrics("heddle_upstream_connections");
  return {
    requests: metrics("heddle_requests_total"),
    connections: metrics("heddle_downstream_connections"),
    active: metrics("heddle_downstream_requests_active") + metrics("heddle_upstream_requests_active"),
    waiting: metrics("heddle_upstream_requests_waiting"),
    upstreams,
    idle: metrics("heddle_upstream_connections_idle"),
    deadlines: metrics("heddle_deadlines"),
    descriptors: metrics("process_open_fds") - upstreams,
    heapMb: mb(metrics("heddle_heap_used_bytes")),
    externalMb: mb(metrics("heddle_external_memory_bytes")),
    residentMb: mb(metrics("process_resident_memory_bytes")),
  };
}

function leaks(counts: readonly Count[]): readonly string[] {
  const [first] = counts;
  const last = counts.at(-1);
  if (first === undefined || last === undefined) return ["nothing was counted"];
  const grown = (name: "heapMb" | "externalMb" | "descriptors", most: number): string[] =>
    last[name] - first[name] > most ? [`${name} grew from ${first[name]} to ${last[name]}`] : [];
  return [
    ...counts.filter((count) => !isAtRest(count)).map((count) => `not at rest: ${JSON.stringify(count)}`),
    ...grown("heapMb", HEAP_GROWTH_MB_MAX),
    ...grown("externalMb", HEAP_GROWTH_MB_MAX),
    ...grown("descriptors", DESCRIPTORS_SPARE),
  ];
}
