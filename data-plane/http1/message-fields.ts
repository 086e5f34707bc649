/**
 * Sorts the scanned field lines of one head: end-to-end fields into a {@link HeaderList}, the fields that speak of this
 * hop into fields of this object (H1). One object per decoder, reused.
 */

import type { FieldScanner } from "./field-scanner.ts";
import {
  CONNECTION,
  CONTENT_LENGTH,
  EXPECT,
  type FieldName,
  HOST,
  KEEP_ALIVE,
  ORDINARY,
  TE,
  TRANSFER_ENCODING,
  UPGRADE,
} from "./field-name.ts";
import type { HeaderList } from "./message.ts";

/** What is done with a request's fields whose name has an underscore. */
export const UNDERSCORE_POLICIES = ["keep", "drop", "reject"] as const;
export type UnderscorePolicy = (typeof UNDERSCORE_POLICIES)[number];

export class MessageFields {
  /** With the policy "reject": a name had an underscore. */
  hasRefusedName = false;
  headers: HeaderList = [];
  hostCount = 0;
  host = "";
  contentLengthCount = 0;
  contentLength = "";
  contentLengthsDiffer = false;
  transferEncodingCount = 0;
  transferEncoding = "";
  /** All lines of a list field joined with a comma; `undefined` without one. */
  connection: string | undefined = undefined;
  expect: string | undefined = undefined;
  upgrade: string | undefined = undefined;
  te: string | undefined = undefined;
  keepAlive: string | undefined = undefined;

  readonly #underscores: UnderscorePolicy;

  constructor(underscores: UnderscorePolicy = "keep") {
    this.#underscores = underscores;
  }

  // Hot: once per head. Allocates the list and its values only.
  collect(scanner: FieldScanner, text: string): void {
    this.#clear();
    const { names, marks, count } = scanner;
    const headers: HeaderList = [];
    for (let i = 0; i < count; i += 1) {
      // `i` is below the number of lines, hence the `!`.
      const name = names[i]!;
      const value = text.slice(marks[2 * i], marks[2 * i + 1]);
      if (name.hasUnderscore && this.#underscores !== "keep") {
        this.hasRefusedName ||= this.#underscores === "reject";
        continue;
      }
      if (name.kind === ORDINARY) headers.push(name.text, value);
      else this.#note(name, value);
    }
    this.headers = headers;
  }

  #clear(): void {
    this.hasRefusedName = false;
    this.hostCount = 0;
    this.contentLengthCount = 0;
    this.contentLengthsDiffer = false;
    this.transferEncodingCount = 0;
    this.connection = undefined;
    this.expect = undefined;
    this.upgrade = undefined;
    this.te = undefined;
    this.keepAlive = undefined;
  }

  #note(name: FieldName, value: string): void {
    switch (name.kind) {
      case HOST:
        this.hostCount += 1;
        this.host = value;
        break;
      case CONTENT_LENGTH:
        if (this.contentLengthCount > 0 && value !== this.contentLength) this.contentLengthsDiffer = true;
        this.contentLengthCount += 1;
        this.contentLength = value;
        break;
      case TRANSFER_ENCODING:
        this.transferEncodingCount += 1;
        this.transferEncoding = value;
        break;
      case CONNECTION:
        this.connection = joined(this.connection, value);
        break;
      case EXPECT:
        this.expect = joined(this.expect, value);
        break;
      case UPGRADE:
        this.upgrade = joined(this.upgrade, value);
        break;
      case TE:
        this.te = joined(this.te, value);
        break;
      case KEEP_ALIVE:
        this.keepAlive = joined(this.keepAlive, value);
        break;
    }
  }
}

function joined(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before},${value}`;
}
