import { closedLoop } from "./closed-loop.ts";
import { holdIdle } from "./idle-connections.ts";
import { openLoop } from "./open-loop.ts";
import type { Answer, Order, Report } from "./order.ts";
import { slowReaders } from "./slow-readers.ts";

// The load, in a process of its own so that its cost is not counted as the proxy's. It ends with its parent.

function run(order: Order): Promise<Omit<Report, "elapsedMs" | "cpuPercent">> {
  switch (order.kind) {
    case "closed":
      return closedLoop(order);
    case "open":
      return openLoop(order);
    case "slow":
      return slowReaders(order);
    case "idle":
      return holdIdle(order);
  }
}

async function answer(order: Order): Promise<Answer> {
  const startMs = performance.now();
  const cpu = process.cpuUsage();
  try {
    const result = await run(order);
    const elapsedMs = performance.now() - startMs;
    const { user, system } = process.cpuUsage(cpu);
    return { report: { ...result, elapsedMs, cpuPercent: (user + system) / 10 / elapsedMs } };
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error) };
  }
}

// The parent is bench/load/load-generator.ts and sends nothing but orders.
process.on("message", (order: Order) => void answer(order).then((message) => process.send?.(message)));
process.on("disconnect", () => process.exit(0));
