import { status, type ServiceError } from "@grpc/grpc-js";

import { decodeViolations, STATUS_DETAILS_KEY } from "../../shared/wire/status-details.ts";
import { KINDS } from "../../control-plane/catalog/catalog.ts";
import { CliError } from "../cli-error.ts";
import { shortName } from "../documents/kind-names.ts";
import { EXIT } from "../exit-code.ts";

/** Words and exit code for a failed call of the admin API. */
export function errorOfCall(error: ServiceError, server: string): CliError {
  const words = wordsOf(error);
  switch (error.code) {
    case status.UNAVAILABLE:
      return isUnconnected(words) ? unreachable(server, rootCause(words)) : new CliError(words, EXIT.failed);
    case status.DEADLINE_EXCEEDED:
      return unreachable(server, "no answer in time");
    case status.UNIMPLEMENTED:
      return new CliError(`${server} does not answer as Heddle's admin API`, EXIT.unreachable, [
        "name the admin API's port, not that of xDS or of a proxy: --server 127.0.0.1:15020",
      ]);
    case status.INVALID_ARGUMENT:
      return new CliError(words, EXIT.badInput);
    case status.FAILED_PRECONDITION:
      return new CliError(words, EXIT.problems);
    case status.ABORTED:
      return new CliError(words, EXIT.failed, ["look at what changed: heddle history", "then try again"], "conflict");
    case status.NOT_FOUND:
      return new CliError(words, EXIT.failed, remediesForAbsent(words), "absent");
    default:
      return new CliError(words, EXIT.failed);
  }
}

/** Every violation on its own line; the status text runs them together. */
function wordsOf(error: ServiceError): string {
  const [details] = error.metadata?.get(STATUS_DETAILS_KEY) ?? [];
  const violations = details instanceof Buffer ? decodeViolations(details) : [];
  return violations.map(({ message }) => message).join("\n") || error.details || error.message;
}

function unreachable(server: string, reason: string): CliError {
  return new CliError(`control plane unreachable at ${server}: ${reason}`, EXIT.unreachable, [
    "start one: heddle control-plane --db mesh.db",
    "or name another: --server HOST:PORT, or HEDDLE_SERVER",
  ]);
}

/** A control plane that answers UNAVAILABLE itself (its disk is full) is there; these words are grpc-js's own. */
function isUnconnected(words: string): boolean {
  return /No connection established|Connection dropped|Name resolution failed|ECONN|Protocol error|GOAWAY/.test(words);
}

function rootCause(words: string): string {
  if (words.includes("ECONNREFUSED")) return "connection refused";
  return /Last error: (.*?)(?:\. Resolution note.*)?$/.exec(words)?.[1] ?? words;
}

/** `words` begin with the kind and the key of a row, or with a revision. */
function remediesForAbsent(words: string): readonly string[] {
  const kind = KINDS.find((each) => words.startsWith(`${each} `));
  if (kind !== undefined) return [`those there are: heddle ${shortName(kind)} list`];
  return /^r\d+ /.test(words) ? ["those there are: heddle history"] : [];
}
