import { accessLogLine } from "./access-log-line.ts";
import type { LineSink } from "./line-writer.ts";
import type { RequestRecord, RequestSink } from "./request-record.ts";

/** One JSON line per finished request. */
export class AccessLog implements RequestSink {
  readonly #writer: LineSink;

  constructor(writer: LineSink) {
    this.#writer = writer;
  }

  onFinished(record: RequestRecord): void {
    this.#writer.write(accessLogLine(record));
  }
}
