import type { RequestSink } from "./request-record.ts";

/** Tells all of them, in this order. */
export function combinedSink(sinks: readonly RequestSink[]): RequestSink {
  return {
    onFinished(record) {
      for (const sink of sinks) sink.onFinished(record);
    },
  };
}
