import { EXIT } from "./exit-code.ts";

/**
 * Ends a command with words for the person at the terminal: what is wrong, and below it, one line each, what mends it.
 * Thrown inside commands, caught once in main.ts.
 */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly exitCode: number;
  /** Each a command or a flag to try next. */
  readonly remedies: readonly string[];
  /** For callers that can go on: what was asked for is absent, or was changed by someone else. */
  readonly reason: "absent" | "conflict" | "other";

  constructor(
    message: string,
    exitCode: number = EXIT.failed,
    remedies: readonly string[] = [],
    reason: CliError["reason"] = "other",
  ) {
    super(message);
    this.exitCode = exitCode;
    this.remedies = remedies;
    this.reason = reason;
  }
}

export function usageError(message: string, ...remedies: readonly string[]): CliError {
  return new CliError(message, EXIT.usage, remedies);
}

export function inputError(message: string, ...remedies: readonly string[]): CliError {
  return new CliError(message, EXIT.badInput, remedies);
}
