import { setFlagsFromString } from "node:v8";

import { systemTimers } from "../shared/timers.ts";

/** By then modules are loaded and the first snapshot is in use. */
const START_MS = 10_000;

/**
 * Keeps V8's space for new objects at its first size of 1 MB while the program starts; afterwards it may grow with the
 * load as always. Loading modules would let it grow to 16 MB, twice, which an idle proxy then never gives back: 91 MB
 * resident instead of 83 (Node 24, compiled). V8 reads `--semi-space-growth-factor` each time it considers growing.
 */
export function keepYoungHeapSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
  systemTimers.after(START_MS, () => setFlagsFromString("--semi-space-growth-factor=2"));
}
