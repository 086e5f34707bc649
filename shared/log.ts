import { pino, type Logger } from "pino";

export type { Logger } from "pino";

/** The process's log: JSON lines on stderr, so that stdout stays free for results and access logs. */
export function createLog(name: string, level: string): Logger {
  return pino({ name, level, base: { name } }, pino.destination({ fd: 2, sync: true }));
}
