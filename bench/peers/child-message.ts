import type { ChildProcess } from "node:child_process";

/** The next message of a forked file of this bench, whose shape the caller knows. Rejects when it ends instead. */
export function nextMessage<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void => {
      child.off("message", onMessage);
      reject(new Error(`${child.spawnargs.join(" ")} ended with ${code}`));
    };
    const onMessage = (message: unknown): void => {
      child.off("exit", onExit);
      resolve(message as T);
    };
    child.once("exit", onExit);
    child.once("message", onMessage);
  });
}
