import { appendAccessLogLine } from "./access-log-line.ts";
import type { LineSink } from "./line-writer.ts";
import type { RequestRecord, RequestSink } from "./request-record.ts";

/** One JSON line per finished request. */
export class AccessLog implements RequestSink {
  readonly #sink: LineSink;

  constructor(sink: LineSink) {
    this.#sink = sink;
  }

  onFinished(record: RequestRecord): void {
    appendAccessLogLine(record, this.#sink.buffer);
    this.#sink.commit();
  }
}
