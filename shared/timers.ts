/** A scheduled call that can be taken back. Cancelling twice, or after it ran, changes nothing. */
export interface Timer {
  cancel(): void;
}

/** The only source of wake-ups. Machines return when they want to be woken; shells ask here. */
export interface Timers {
  /** Runs `task` once after `delayMs`. Does not keep the process alive. */
  after(delayMs: number, task: () => void): Timer;
  /** Runs `task` each `periodMs` until cancelled. Does not keep the process alive. */
  every(periodMs: number, task: () => void): Timer;
}

export const systemTimers: Timers = {
  after(delayMs, task) {
    const handle = setTimeout(task, delayMs);
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
  every(periodMs, task) {
    const handle = setInterval(task, periodMs);
    handle.unref();
    return { cancel: () => clearInterval(handle) };
  },
};
