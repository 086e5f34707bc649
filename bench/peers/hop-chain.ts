import { answering } from "./answering.ts";
import { DIRECT_SERVICE, MESH_SERVICE, type PeerName, type RunningPeer, type Site } from "./peer.ts";
import type { Program } from "./program.ts";

/** One process of a plain proxy that serves at `port`. */
export interface Hop {
  readonly program: Program;
  readonly port: number;
}

/** Starts a hop that forwards to the ports of version v1 and v2. */
export type StartHop = (name: string, v1Port: number, v2Port: number) => Promise<Hop>;

/** A proxy without a mesh of its own: before the app, before both versions, and one behind the other. */
export async function startHopChain(
  name: PeerName,
  version: string,
  site: Site,
  startHop: StartHop,
): Promise<RunningPeer> {
  const hops: Hop[] = [];
  const stop = async (): Promise<void> => void (await Promise.all(hops.map(({ program }) => program.stop())));
  const start = async (part: string, v1Port: number, v2Port: number): Promise<Hop> => {
    const hop = await startHop(`${name}-${part}`, v1Port, v2Port);
    hops.push(hop);
    return hop;
  };
  try {
    const direct = await start("outbound", site.v1Port, site.v2Port);
    const callee = await start("inbound", site.v1Port, site.v1Port);
    const caller = await start("mesh", callee.port, callee.port);
    const door = (hop: Hop, authority: string, ...others: Hop[]): RunningPeer["doors"]["mesh"] & object => ({
      port: hop.port,
      authority,
      pids: [hop, ...others].map(({ program }) => program.pid),
    });
    const doors = {
      outbound: door(direct, DIRECT_SERVICE),
      inbound: door(callee, MESH_SERVICE),
      mesh: door(caller, MESH_SERVICE, callee),
    };
    for (const one of [doors.outbound, doors.inbound, doors.mesh]) await answering(one);
    return { name, version, doors, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
