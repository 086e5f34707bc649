import { startEnvoy } from "./envoy.ts";
import { startHaproxy } from "./haproxy.ts";
import { startHeddle } from "./heddle.ts";
import { startNginx } from "./nginx.ts";
import { startHttpProxy, startNodeHttp } from "./node-proxies.ts";
import type { Absent, PeerName, RunningPeer, Site } from "./peer.ts";

/** Starts those of the wanted peers that this machine has. A peer that is there and does not start is an error. */
export async function startPeers(wanted: readonly PeerName[], site: Site): Promise<[RunningPeer[], Absent[]]> {
  const peers: RunningPeer[] = [];
  const absent: Absent[] = [];
  const add = (...started: readonly (RunningPeer | Absent)[]): void => {
    for (const one of started)
      if ("doors" in one) peers.push(one);
      else absent.push(one);
  };
  try {
    if (wanted.some((name) => name.startsWith("heddle"))) {
      add(...(await startHeddle(site, wanted.includes("heddle-workers"))));
    }
    if (wanted.includes("envoy")) add(await startEnvoy(site));
    if (wanted.includes("haproxy")) add(await startHaproxy(site));
    if (wanted.includes("nginx")) add(await startNginx(site));
    if (wanted.includes("node-http")) add(await startNodeHttp(site));
    if (wanted.includes("http-proxy")) add(await startHttpProxy(site));
    return [peers, absent];
  } catch (error) {
    await Promise.all(peers.map((peer) => peer.stop()));
    throw error;
  }
}
