import { main } from "../../cli/main.ts";
import type { Terminal } from "../../cli/terminal.ts";

/** What one command left behind. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the command line in this process, with its words kept; `stdin` is what `-` reads. */
export async function heddle(
  argv: readonly string[],
  terminal: Partial<Terminal> & { stdin?: string } = {},
): Promise<Ran> {
  let out = "";
  let err = "";
  const code = await main(argv, {
    out: (text) => void (out += text),
    note: (line) => void (err += `${line}\n`),
    live: () => {},
    isLive: false,
    hasColor: false,
    hasUnicode: true,
    width: 100,
    readStdin: async () => terminal.stdin ?? "",
    ...terminal,
  });
  return { code, out, err };
}
