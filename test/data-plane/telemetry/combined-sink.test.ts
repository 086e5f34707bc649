import assert from "node:assert/strict";
import { test } from "node:test";

import { combinedSink } from "../../../data-plane/telemetry/combined-sink.ts";
import { requestRecord } from "../../support/request-records.ts";

test("every sink hears of a finished request, in order", () => {
  const heard: string[] = [];
  const sink = combinedSink(
    ["metrics", "log"].map((name) => ({ onFinished: ({ path }) => void heard.push(name + path) })),
  );
  sink.onFinished(requestRecord({ path: "/a" }));
  assert.deepEqual(heard, ["metrics/a", "log/a"]);
});
