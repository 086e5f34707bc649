import { hostname, userInfo } from "node:os";
import { text } from "node:stream/consumers";

import type { Terminal } from "./terminal.ts";

const WIDTH_WITHOUT_TERMINAL = 100;

/** The terminal of this process. NO_COLOR (no-color.org) and TERM=dumb turn colours off; so does any pipe. */
export function processTerminal(): Terminal {
  const { stdout, stderr, stdin, env } = process;
  quietOnClosedPipe(stdout);
  quietOnClosedPipe(stderr);
  return {
    out: (chunk) => void stdout.write(chunk),
    note: (line) => void stderr.write(`${line}\n`),
    live: (line) => void stderr.write(`\r\u001b[2K${line}`),
    isLive: stderr.isTTY === true && env["TERM"] !== "dumb",
    hasColor: stdout.isTTY === true && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb",
    hasUnicode: /utf-?8/i.test(env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || ""),
    // Help that goes into a pager is read in the terminal that stderr still has.
    width: stdout.columns ?? stderr.columns ?? WIDTH_WITHOUT_TERMINAL,
    readStdin: () => text(stdin),
  };
}

/** Who a change is charged to when no --author is given. */
export function defaultAuthor(): string {
  return `${loginName()}@${hostname()}`;
}

/** The environment a child process gets: ours, with `added` on top. */
export function childEnvironment(added: Readonly<Record<string, string>>): Record<string, string | undefined> {
  return { ...process.env, ...added };
}

// A container may run under a user id that has no name.
function loginName(): string {
  try {
    return userInfo().username;
  } catch {
    return process.env["USER"] ?? "unknown";
  }
}

/** `heddle list ... | head -1` closes our stdout early: that is no error of anyone. */
function quietOnClosedPipe(stream: NodeJS.WriteStream): void {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
}

/** Hosts that the person's own environment keeps away from proxies. */
export function inheritedNoProxy(): string | undefined {
  return process.env["no_proxy"] ?? process.env["NO_PROXY"];
}
