import { get } from "node:http";

import type { Door } from "./peer.ts";
import { pause } from "./program.ts";

const POLL_MS = 20;
const START_MS_MAX = 20_000;

/** Settles once a request through the door gets the app's answer. */
export async function answering(door: Pick<Door, "port" | "authority">): Promise<void> {
  const lateMs = performance.now() + START_MS_MAX;
  let words = "";
  while (performance.now() < lateMs) {
    words = await answerOf(door);
    if (words === "200") return;
    await pause(POLL_MS);
  }
  throw new Error(`no answer of the app for ${door.authority} through port ${door.port}: ${words}`);
}

/** The status of one small GET, or what went wrong. */
export function answerOf({ port, authority }: Pick<Door, "port" | "authority">): Promise<string> {
  return new Promise((resolve) => {
    const options = { port, host: "127.0.0.1", path: "/s/00000000?full=1", agent: false, headers: { host: authority } };
    get(options, (response) => {
      response.resume();
      resolve(String(response.statusCode));
    }).on("error", (error) => resolve(error.message));
  });
}
