import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, extname, join } from "node:path";

import { inputError } from "../cli-error.ts";
import type { Terminal } from "../terminal.ts";
import { parseDocuments, type SourceDocument } from "./parse-documents.ts";

const EXTENSIONS = new Set([".yaml", ".yml", ".json"]);

/** All documents of all sources, in order: files, `-` for stdin, folders (their YAML and JSON files by name, not below). */
export async function readSources(sources: readonly string[], terminal: Terminal): Promise<readonly SourceDocument[]> {
  const documents: SourceDocument[] = [];
  for (const source of sources) {
    for (const { name, text } of await textsOf(source, terminal)) documents.push(...(await parseDocuments(text, name)));
  }
  if (documents.length === 0) {
    const names = sources.map((source) => (source === "-" ? "stdin" : source)).join(", ");
    throw inputError(`no resources in ${names}`, "heddle apply --help   # has an example");
  }
  return documents;
}

async function textsOf(source: string, terminal: Terminal): Promise<readonly { name: string; text: string }[]> {
  if (source === "-") return [{ name: "stdin", text: await terminal.readStdin() }];
  try {
    if (!statSync(source).isDirectory()) return [{ name: source, text: readFileSync(source, "utf8") }];
    const files = readdirSync(source)
      .filter((file) => EXTENSIONS.has(extname(file)))
      .toSorted()
      .map((file) => join(source, file));
    return files.map((file) => ({ name: file, text: readFileSync(file, "utf8") }));
  } catch (error) {
    throw inputError(`cannot read ${source}: ${reasonOf(error)}`, `ls -l ${dirname(source)}   # what is there`);
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException; // what node:fs throws
  if (code === "ENOENT") return "there is no such file or folder";
  return code === "EACCES" ? "this user may not" : message;
}
