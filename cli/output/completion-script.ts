import { unreachable } from "../../shared/assert.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** The words that may follow one chain of commands (`policy set`; "" is the program itself). */
export interface Completions {
  readonly path: string;
  readonly words: readonly { readonly word: string; readonly help: string }[];
}

/** A script without calls back into the program: completing must never wait for Node to start. */
export function completionScript(shell: Shell, completions: readonly Completions[]): string {
  switch (shell) {
    case "bash":
      return bash(completions);
    case "zsh":
      return zsh(completions);
    case "fish":
      return fish(completions);
    default:
      return unreachable(shell);
  }
}

// The chain of commands is every word up to the cursor that makes a known chain longer; flags and values do not.
function bash(completions: readonly Completions[]): string {
  return `# heddle completion for bash
_heddle() {
  local current="\${COMP_WORDS[COMP_CWORD]}" chain="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case " \${chain:+$chain }$word " in
${completions
  .filter(({ path }) => path !== "")
  .map(({ path }) => `      ' ${path} ') chain='${path}' ;;\n`)
  .join("")}    esac
  done
  local words=""
  case "$chain" in
${completions.map(({ path, words }) => `    '${path}') words='${words.map(({ word }) => word).join(" ")}' ;;\n`).join("")}  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [[ \${#COMPREPLY[@]} -eq 0 ]] && COMPREPLY=($(compgen -f -- "$current"))
}
complete -o filenames -F _heddle heddle
`;
}

function zsh(completions: readonly Completions[]): string {
  return `#compdef heddle
_heddle() {
  local chain="" word
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "\${chain:+$chain }$word" in
${completions
  .filter(({ path }) => path !== "")
  .map(({ path }) => `      '${path}') chain='${path}' ;;\n`)
  .join("")}    esac
  done
  local -a candidates
  case "$chain" in
${completions
  .map(({ path, words }) => {
    const entries = words.map(({ word, help }) => `'${word}:${quoted(help)}'`);
    return `    '${path}') candidates=(${entries.join(" ")}) ;;\n`;
  })
  .join("")}  esac
  _describe 'heddle' candidates || _files
}
if [ "$funcstack[1]" = "_heddle" ]; then _heddle "$@"; else compdef _heddle heddle; fi
`;
}

function fish(completions: readonly Completions[]): string {
  const lines = completions.flatMap(({ path, words }) =>
    words.map(({ word, help }) => {
      const what = word.startsWith("--") ? `-l ${word.slice(2)}` : `-a ${word}`;
      return `complete -c heddle -n '__heddle_chain "${path}"' ${what} -d '${quoted(help)}'\n`;
    }),
  );
  const known = completions.filter(({ path }) => path !== "").map(({ path }) => `"${path}"`);
  return `# heddle completion for fish
function __heddle_chain
  set -l chain ""
  for word in (commandline -opc)[2..-1]
    set -l longer (string trim "$chain $word")
    contains -- "$longer" ${known.join(" ")}; and set chain "$longer"
  end
  test "$chain" = "$argv[1]"
end
${lines.join("")}`;
}

/** One line, without the quotes that would end it. */
function quoted(help: string): string {
  return (help.split("\n", 1)[0] ?? "").replaceAll("'", "").replaceAll(":", " -");
}
