import type { Clock } from "../../shared/clock.ts";
import type { ProxyStatus, TypeStatus } from "./fleet.ts";
import type { NodeSession } from "./node-session.ts";
import { PUSHED_TYPES, type PushedType } from "./resource-set.ts";
import type { NodeStream } from "./stream.ts";

/** A stream as operators see it; undefined for one that has not said who it is. */
export function proxyStatus(stream: NodeStream, clock: Clock, connected: boolean): ProxyStatus | undefined {
  if (stream.introduced === undefined) return undefined;
  const { node, session } = stream.introduced;
  return {
    nodeId: node.id,
    service: node.service,
    version: node.version,
    kind: node.kind,
    connected,
    sinceWallMs: connected ? stream.sinceWallMs : clock.wallMs(),
    peer: stream.peer,
    adminAddress: node.admin,
    snapshotSource: node.snapshotSource,
    acknowledgedRevision: session.settledRevision,
    types: PUSHED_TYPES.map((type) => typeStatus(session, type, clock)),
  };
}

function typeStatus(session: NodeSession, type: PushedType, clock: Clock): TypeStatus {
  const subscription = session.subscription(type);
  const wallMs = (ms: number | undefined): number | undefined =>
    ms === undefined ? undefined : clock.wallMs() - (clock.nowMs() - ms);
  return {
    type,
    state: stateOf(session, type),
    sentVersion: subscription.sentVersion,
    acknowledgedVersion: subscription.ackedVersion,
    sentWallMs: wallMs(subscription.sentMs),
    answeredWallMs: wallMs(subscription.answeredMs),
    nackReason: subscription.nack?.reason ?? "",
  };
}

function stateOf(session: NodeSession, type: PushedType): TypeStatus["state"] {
  const subscription = session.subscription(type);
  if (subscription.isInFlight) return "STALE";
  if (subscription.nack !== undefined) return "NACKED";
  if (subscription.sentVersion === "") return "NOT_SENT";
  return session.isCurrent(type) ? "SYNCED" : "STALE";
}

/** Why a stream has not acknowledged everything, in words. */
export function waitingReason(stream: NodeStream, clock: Clock): string {
  const session = stream.introduced?.session;
  if (session === undefined) return "has not said who it is";
  const reasons = PUSHED_TYPES.flatMap((type) => {
    const { isInFlight, isOpen, nack, sentVersion, sentMs } = session.subscription(type);
    if (nack !== undefined) return [`${type} ${nack.version} refused: ${nack.reason}`];
    const seconds = Math.round((clock.nowMs() - (sentMs ?? clock.nowMs())) / 1000);
    if (isInFlight) return [`${type} ${sentVersion} sent ${seconds} s ago, no ACK`];
    return isOpen && !session.isCurrent(type) ? [`${type} wait to be sent`] : [];
  });
  return reasons.length === 0 ? "the revision is not published yet" : reasons.join("; ");
}
