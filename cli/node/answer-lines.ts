import type { Readable, Writable } from "node:stream";
import { once } from "node:events";

import { NODE_LINE_CHARS_MAX } from "../../shared/limits.ts";
import { readMessage } from "./read-message.ts";
import { errorReply, type Reply, type SidecarNode } from "./sidecar-node.ts";

/**
 * Answers each line of `input` with one line on `output`, in their order, until the input ends. Whatever a line holds, the
 * next one is read. A line that is too long is dropped as it comes, and answered like any other that is no message.
 */
export async function answerLines(node: SidecarNode, input: Readable, output: Writable): Promise<void> {
  for await (const line of linesOf(input)) {
    if (line?.trim() === "") continue;
    const reply = line === undefined ? errorReply(TOO_LONG) : await replyTo(node, line);
    if (!output.write(`${JSON.stringify(reply)}\n`)) await once(output, "drain");
  }
}

const TOO_LONG = { msgId: null, text: `a message has at most ${NODE_LINE_CHARS_MAX} characters` };

async function replyTo(node: SidecarNode, line: string): Promise<Reply> {
  const message = readMessage(line);
  return message.ok ? node.answer(message.value) : errorReply(message.error);
}

/** Lines without their ends; undefined for one that is too long. */
async function* linesOf(input: Readable): AsyncGenerator<string | undefined> {
  let pending = "";
  let isTooLong = false;
  input.setEncoding("utf8");
  for await (const chunk of input) {
    const [first = "", ...rest] = String(chunk).split("\n");
    for (const [at, part] of [first, ...rest].entries()) {
      if (at > 0) {
        yield isTooLong ? undefined : pending;
        pending = "";
        isTooLong = false;
      }
      isTooLong ||= pending.length + part.length > NODE_LINE_CHARS_MAX;
      pending = isTooLong ? "" : pending + part;
    }
  }
  if (isTooLong || pending !== "") yield isTooLong ? undefined : pending;
}
