import { TypeStatus_State, type Proxy, type TypeStatus } from "../../shared/wire/admin-api.ts";
import { formatAge, formatAgo } from "./age.ts";
import { markOf } from "./paint.ts";
import type { Column } from "./table.ts";

const STATES = ["-", "SYNCED", "STALE", "NACKED", "NOT_SENT"];

/**
 * The table of `heddle ps`. What a proxy runs that is not connected is known only when it tells of itself (`isOwn`), not
 * from the control plane.
 */
export function proxyColumns(nowWallMs: number, hasUnicode: boolean, isOwn = false): readonly Column<Proxy>[] {
  const state = (header: string, type: string): Column<Proxy> => ({
    header,
    text: (proxy) => (proxy.connected || isOwn ? stateOf(proxy, type) : ""),
  });
  return [
    { header: "NAME", text: ({ nodeId }) => nodeId },
    { header: "SERVICE", text: ({ service }) => service },
    { header: "VERSION", text: ({ version }) => version },
    state("LISTEN", "listeners"),
    state("ROUTE", "routes"),
    state("CLUSTER", "clusters"),
    state("ENDPT", "endpoints"),
    state("SECRET", "secrets"),
    {
      header: "REV",
      text: ({ acknowledgedRevision }) => (acknowledgedRevision > 0n ? `r${acknowledgedRevision}` : ""),
    },
    { header: "ACKED", text: (proxy) => formatAgo(lastAnswerMs(proxy), nowWallMs) },
    { header: "SOURCE", text: (proxy) => (isOwn ? proxy.snapshotSource : sourceOf(proxy)) },
    { header: "CERT EXPIRES", text: () => "" },
    { header: "KIND", text: ({ kind }) => kind, isWide: true },
    { header: "PEER", text: ({ peer }) => peer, isWide: true },
    { header: "ADMIN", text: ({ adminAddress }) => adminAddress, isWide: true },
    { header: "NOTES", text: (proxy) => notesOf(proxy, nowWallMs, markOf("warn", hasUnicode)) },
  ];
}

/** The documented keys of `heddle ps -o json`. */
export function proxyData(proxy: Proxy): unknown {
  return {
    name: proxy.nodeId,
    service: proxy.service,
    version: proxy.version,
    kind: proxy.kind,
    connected: proxy.connected,
    since: proxy.since?.toISOString(),
    peer: proxy.peer,
    admin_address: proxy.adminAddress,
    snapshot_source: proxy.snapshotSource,
    acknowledged_revision: proxy.acknowledgedRevision,
    types: proxy.types.map((type) => ({
      type: type.type,
      state: STATES[type.state],
      sent_version: type.sentVersion,
      acknowledged_version: type.acknowledgedVersion,
      sent_at: type.sentAt?.toISOString(),
      answered_at: type.answeredAt?.toISOString(),
      nack_reason: type.nackReason,
    })),
  };
}

export function isSynced(proxy: Proxy): boolean {
  const states = proxy.types.map(({ state }) => state);
  return (
    states.includes(TypeStatus_State.SYNCED) &&
    states.every((state) => state === TypeStatus_State.SYNCED || state === TypeStatus_State.NOT_SENT)
  );
}

function stateOf(proxy: Proxy, type: string): string {
  const status = proxy.types.find((candidate) => candidate.type === type);
  return status === undefined ? "" : (STATES[status.state] ?? "");
}

// A proxy says what it serves from when it connects; once it has acknowledged what was sent, it serves that.
function sourceOf(proxy: Proxy): string {
  if (!proxy.connected) return "";
  return isSynced(proxy) ? "stream" : proxy.snapshotSource;
}

function lastAnswerMs(proxy: Proxy): number | undefined {
  const times = proxy.types.flatMap(({ answeredAt }) => (answeredAt === undefined ? [] : [answeredAt.getTime()]));
  return times.length === 0 ? undefined : Math.max(...times);
}

/** What needs a look, and how long it has been so. */
export function notesOf(proxy: Proxy, nowWallMs: number, mark: string): string {
  if (!proxy.connected) {
    const downFor = proxy.since === undefined ? "" : ` ${formatAge(nowWallMs - proxy.since.getTime())}`;
    return `${mark} stream down${downFor}`;
  }
  return proxy.types.flatMap((type) => noteOf(type, nowWallMs, mark)).join("; ");
}

function noteOf(type: TypeStatus, nowWallMs: number, mark: string): readonly string[] {
  if (type.state === TypeStatus_State.NACKED) {
    return [`${mark} ${type.type} ${type.sentVersion} refused: ${type.nackReason}`];
  }
  if (type.state !== TypeStatus_State.STALE) return [];
  const since = type.sentAt === undefined ? "" : ` ${formatAgo(type.sentAt.getTime(), nowWallMs)}`;
  return [`${type.type} ${type.sentVersion} sent${since}, no ACK`];
}
