/** How much the process's log tells, as pino names it. The first is the default. */
export const LOG_LEVELS = ["info", "trace", "debug", "warn", "error", "fatal", "silent"] as const;
