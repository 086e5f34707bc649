/**
 * Where a command's words go. Data (what a script may read) goes to `out`, everything else to `note`: a table piped into
 * another program stays a table.
 */
export interface Terminal {
  /** Writes to stdout, as it stands. */
  out(text: string): void;
  /** Writes one line to stderr. */
  note(line: string): void;
  /** Rewrites the last line of stderr; only called when {@link isLive}. */
  live(line: string): void;
  /** Whether stderr is a terminal whose last line may be rewritten. */
  readonly isLive: boolean;
  /** Whether stdout may carry colours. */
  readonly hasColor: boolean;
  /** Whether marks beyond ASCII may be written. */
  readonly hasUnicode: boolean;
  /** Columns of stdout, for help texts. */
  readonly width: number;
  /** All of stdin, as text. */
  readStdin(): Promise<string>;
}

/** What a command is given: where to write, and how to end with another exit code than 0. */
export interface Cli {
  readonly terminal: Terminal;
  exitWith(code: number): void;
}
