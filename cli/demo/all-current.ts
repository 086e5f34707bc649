import { CliError } from "../cli-error.ts";
import type { DemoMesh } from "./demo-mesh.ts";
import { pause } from "./pause.ts";

/** Longer than a busy machine needs. */
export const CONVERGED_MAX_MS = 60_000;
const POLL_MS = 100;

/** Settles with the revision that every proxy of the mesh has acknowledged, all of them connected. */
export async function allCurrent({ admin, instances }: DemoMesh, signal: AbortSignal): Promise<bigint> {
  const giveUpMs = performance.now() + CONVERGED_MAX_MS;
  for (;;) {
    const { proxies, revision } = await admin.proxies();
    const current = proxies.filter((proxy) => proxy.connected && proxy.acknowledgedRevision >= revision);
    if (current.length === instances.length) return revision;
    if (performance.now() > giveUpMs) {
      throw new CliError(
        `only ${current.length} of ${instances.length} proxies are current after ${CONVERGED_MAX_MS / 1_000} s`,
      );
    }
    await pause(signal, POLL_MS);
  }
}
