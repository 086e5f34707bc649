import { describeViolations } from "../shared/violation.ts";
import { startControlPlane } from "./app.ts";
import { readControlPlaneConfig } from "./config.ts";

const config = readControlPlaneConfig(process.argv.slice(2));
if (!config.ok) fail(describeViolations(config.error), 2);
const started = await startControlPlane(config.value);
if (!started.ok) fail(started.error, 1);
const controlPlane = started.value;

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void controlPlane.stop().then(() => process.exit(0)));
}

function fail(message: string, code: number): never {
  process.stderr.write(`heddle control-plane: ${message}\n`);
  process.exit(code);
}
