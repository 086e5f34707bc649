import { accessLogLine } from "./access-log-line.ts";
import type { LineWriter } from "./line-writer.ts";
import type { RequestRecord, RequestSink } from "./request-record.ts";

/** One JSON line per finished request. */
export class AccessLog implements RequestSink {
  readonly #writer: LineWriter;

  constructor(writer: LineWriter) {
    this.#writer = writer;
  }

  onFinished(record: RequestRecord): void {
    this.#writer.write(accessLogLine(record));
  }
}
