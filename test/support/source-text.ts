import { globSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";

import { packageRoot } from "../../shared/package-root.ts";

/** One source file: its path from the project root, its text, and the same text with comments and strings blanked. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
  /** Comments and the insides of strings are spaces: positions and lines stay. */
  readonly code: string;
  /** Files of the project it imports (resolved paths) and packages or `node:` modules it names. */
  readonly imports: readonly Import[];
}

export interface Import {
  readonly to: string;
  readonly typeOnly: boolean;
}

const IGNORED = /^(node_modules|dist|shared\/generated)\//;

/** All files that match the globs, below the project root. */
export function sourceFiles(...globs: readonly string[]): readonly SourceFile[] {
  return globSync([...globs], { cwd: packageRoot })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => !IGNORED.test(path))
    .sort()
    .map(readSource);
}

function readSource(path: string): SourceFile {
  const text = readFileSync(join(packageRoot, path), "utf8");
  const code = blankCommentsAndStrings(text);
  return { path, text, code, imports: importsOf(path, text, code) };
}

function importsOf(path: string, text: string, code: string): Import[] {
  const found: Import[] = [];
  for (const match of code.matchAll(/^(?:import|export)\b([^;"']*?)\bfrom\s+(["'])/gms)) {
    found.push(imported(path, text, match.index + match[0].length, /^\s*type\b/.test(match[1] ?? "")));
  }
  for (const match of code.matchAll(/(?:^import\s+|\bimport\()(["'])/gm)) {
    found.push(imported(path, text, match.index + match[0].length, false));
  }
  return found;
}

function imported(path: string, text: string, start: number, typeOnly: boolean): Import {
  const name = text.slice(start, text.slice(start).search(/["']/) + start);
  return { to: name.startsWith(".") ? posix.normalize(posix.join(dirname(path), name)) : name, typeOnly };
}

/** A small scanner, enough for our own code: line and block comments, quotes, templates (with nested `${}`), regexes. */
export function blankCommentsAndStrings(text: string): string {
  const pattern =
    /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|(?<=[=(,:!&|?;{}\n]\s*)\/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n])+\//g;
  return text.replace(pattern, (token) => {
    if (token.startsWith("`")) return token.replace(/\\.|[^`$\n{}]/g, " ");
    const edge = /^["']/.test(token) ? 1 : 0;
    const inside = token.slice(edge, token.length - edge).replace(/[^\n]/g, " ");
    return token.slice(0, edge) + inside + token.slice(token.length - edge);
  });
}
