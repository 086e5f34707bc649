import { unreachable } from "../../shared/assert.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { describeViolations, violation, type Violation } from "../../shared/violation.ts";
import { DIGEST_SILENCE_MS } from "../../shared/defaults.ts";
import { NACK_REASON_CHARS_MAX } from "../../shared/limits.ts";
import {
  RESOURCE_TYPES,
  meshOf,
  revisionOf,
  serverIsHeddle,
  type Digest,
  type ResourceDecoder,
  type ResourceType,
  type SessionRequest,
  type SessionResponse,
  type StoredSnapshot,
  type SubscribedType,
} from "./discovery-message.ts";
import { assignmentNames, noHoldings, routeConfigNames, routedClusters, stage, toSnapshot } from "./holdings.ts";
import type { Holdings } from "./holdings.ts";
import type { Activation, Compile, Outcome, Refused, TypeStatus } from "./session-outcome.ts";
import { objection, otherMesh } from "./objection.ts";
import { Waits, type Lack } from "./waits.ts";

export interface SessionOptions<T> {
  readonly decoder: ResourceDecoder;
  readonly compile: Compile<T>;
  /** Take a snapshot of an older revision or of another mesh than the one held (`--accept-older`). */
  readonly acceptOlder: boolean;
}

class TypeState {
  /** Of the last accepted response; survives streams. */
  version = "";
  /** Of the last response, accepted or refused: what a digest is compared with. */
  seenVersion = "";
  isAccepted = false;
  /** On this stream; "" before the first response. */
  nonce = "";
  /** As last sent on this stream; undefined before the first request of the type. */
  sentNames: readonly string[] | undefined = undefined;
  refused: Refused | undefined = undefined;
}

const QUIET: Outcome<never> = { activate: undefined, requests: [], reconnect: undefined, refused: undefined };

/**
 * The proxy's side of one xDS conversation (state of the world, aggregated), over all its streams.
 *
 *     response ──▶ decode, merge, compile the whole ──▶ wrong: NACK with every reason; nothing changes
 *                                                  └──▶ good: ACK ──▶ complete: activate (one swap)
 *                                                                └──▶ something named is still to come: hold
 *
 * Invariants:
 * - What is activated compiled as a whole, and every response in it was accepted. A refused one leaves no trace in it.
 * - Held back while (a) clusters or listeners were never answered, (b) a named assignment or route table is missing, or
 *   (c) routes still name a cluster that is in use and that the newest cluster list no longer has: the new routes are on
 *   their way, and requests must not meet the gap. (b) and (c) end after RESOURCE_WAIT_MS, as Envoy's
 *   initial_fetch_timeout does: what is missing then counts as empty.
 * - Nothing is dropped because a stream broke. The first requests of a stream state the versions and names held.
 * - Revisions never go back, and the mesh never changes, unless the operator said so.
 *
 * Pure: time comes in as `nowMs`, nothing is scheduled; the shell calls `onTick` at `nextWakeMs`.
 */
export class ClientSession<T> {
  readonly #options: SessionOptions<T>;
  readonly #types: Readonly<Record<SubscribedType, TypeState>> = {
    clusters: new TypeState(),
    endpoints: new TypeState(),
    listeners: new TypeState(),
    routes: new TypeState(),
    digest: new TypeState(),
  };
  #holdings: Holdings = noHoldings;
  /** The holdings in use; undefined before the first activation. */
  #active: Holdings | undefined = undefined;
  /** The newest holdings, compiled, while they wait; what is missing in them counts as empty. */
  #held: Activation<T> | undefined = undefined;
  readonly #waits = new Waits();
  #meshId = "";
  #isOpen = false;
  /** A response came on this stream. */
  #isAnswered = false;
  #heardMs = 0;
  #confirmedMs: number | undefined = undefined;

  constructor(options: SessionOptions<T>) {
    this.#options = options;
  }

  /** Starts from a stored snapshot, before the first stream. On violations nothing has changed. */
  restore(stored: StoredSnapshot, nowMs: number): Result<Activation<T>, readonly Violation[]> {
    const holdings = this.#decodeStored(stored);
    if (!holdings.ok) return holdings;
    const versions = new Map(stored.types.map(({ type, version }) => [type, version]));
    const compiled = this.#compile(holdings.value, versions, stored.meshId);
    if (!compiled.ok) return compiled;
    for (const { type, version } of stored.types) {
      this.#types[type].version = version;
      this.#types[type].seenVersion = version;
      this.#types[type].isAccepted = true;
    }
    this.#meshId = stored.meshId;
    this.#holdings = holdings.value;
    this.#active = holdings.value;
    this.#confirmedMs = nowMs;
    return compiled;
  }

  /** A stream is open: says what to send first. */
  onOpened(nowMs: number): Outcome<T> {
    this.#isOpen = true;
    this.#isAnswered = false;
    this.#heardMs = nowMs;
    if (this.#held !== undefined) this.#waits.restart(nowMs);
    for (const state of Object.values(this.#types)) {
      state.nonce = "";
      state.sentNames = undefined;
    }
    // What is named before what names it: a server answers in the order it is asked.
    const requests = [
      this.#first("clusters"),
      ...this.#renamed("endpoints"),
      this.#first("listeners"),
      ...this.#renamed("routes"),
    ];
    if (this.#meshId !== "") requests.push(this.#request("digest"));
    return { ...QUIET, requests };
  }

  onClosed(): void {
    this.#isOpen = false;
  }

  onResponse(response: SessionResponse, nowMs: number): Outcome<T> {
    this.#heardMs = nowMs;
    this.#isAnswered = true;
    const state = this.#types[response.type];
    // Never asked for on this stream: there is no subscription that this could answer.
    if (state.sentNames === undefined) return QUIET;
    state.nonce = response.nonce;
    if (response.type === "digest") return this.#onDigest(response, nowMs);
    state.seenVersion = response.version;
    const accepted = this.#acceptSafely(response.type, response, nowMs);
    const outcome = accepted.ok ? this.#ack(response.type, accepted.value) : this.#nack(response, accepted.error);
    const asksDigest = serverIsHeddle(response.server) && this.#types.digest.sentNames === undefined;
    return asksDigest ? { ...outcome, requests: [...outcome.requests, this.#request("digest")] } : outcome;
  }

  /** Ends waits that took too long and streams that fell silent. */
  onTick(nowMs: number): Outcome<T> {
    if (!this.#isOpen) return QUIET;
    if (this.#expectsSound() && nowMs >= this.#heardMs + DIGEST_SILENCE_MS) {
      return { ...QUIET, reconnect: `nothing was heard for ${DIGEST_SILENCE_MS / 1000} s` };
    }
    if (this.#held === undefined || this.#waits.isWaiting(nowMs)) return QUIET;
    return { ...QUIET, activate: this.#use(this.#held) };
  }

  /** When `onTick` has something to do; undefined: never. */
  nextWakeMs(): number | undefined {
    if (!this.#isOpen) return undefined;
    const wakes = this.#expectsSound() ? [this.#heardMs + DIGEST_SILENCE_MS] : [];
    const endMs = this.#held === undefined ? undefined : this.#waits.endMs();
    if (endMs !== undefined) wakes.push(endMs);
    return wakes.length === 0 ? undefined : Math.min(...wakes);
  }

  /** The mesh of the accepted resources, or "". */
  get meshId(): string {
    return this.#meshId;
  }

  /** When it was last known that what is held is current; undefined: never. */
  get confirmedMs(): number | undefined {
    return this.#confirmedMs;
  }

  types(): readonly TypeStatus[] {
    return RESOURCE_TYPES.map((type) => ({
      type,
      version: this.#types[type].version,
      resources: this.#holdings[type].size,
      waitingFor: this.#waits.namesOf(type),
      refused: this.#types[type].refused,
    }));
  }

  /** A resource that trips over a bug of ours is refused like any other bad one: the last good one keeps serving. */
  #acceptSafely(
    type: ResourceType,
    response: SessionResponse,
    nowMs: number,
  ): Result<Activation<T> | undefined, readonly Violation[]> {
    try {
      return this.#accept(type, response, nowMs);
    } catch (error) {
      return err([violation("", `a bug in the proxy: ${error instanceof Error ? error.message : String(error)}`)]);
    }
  }

  /** The activation, or undefined when the change is accepted and held; violations when it is refused. */
  #accept(
    type: ResourceType,
    response: SessionResponse,
    nowMs: number,
  ): Result<Activation<T> | undefined, readonly Violation[]> {
    const unwelcome = objection(response, { version: this.#types[type].version, meshId: this.#meshId }, this.#options);
    if (unwelcome !== undefined) return err([unwelcome]);
    const staged = stage(this.#holdings, type, response.resources, this.#options.decoder);
    if (!staged.ok) return staged;
    const meshId = meshOf(response.server) ?? this.#meshId;
    const versions = new Map(RESOURCE_TYPES.map((one) => [one, this.#types[one].version]));
    const compiled = this.#compile(staged.value, versions.set(type, response.version), meshId);
    if (!compiled.ok) return compiled;

    const state = this.#types[type];
    state.version = response.version;
    state.isAccepted = true;
    state.refused = undefined;
    this.#meshId = meshId;
    this.#holdings = staged.value;
    this.#confirmedMs = nowMs;
    this.#waits.renew(this.#lacks(), nowMs);
    if (!this.#waits.isWaiting(nowMs)) return ok(this.#use(compiled.value));
    this.#held = compiled.value;
    return ok(undefined);
  }

  #compile(
    holdings: Holdings,
    versions: ReadonlyMap<ResourceType, string>,
    meshId: string,
  ): Result<Activation<T>, readonly Violation[]> {
    const snapshot = toSnapshot(holdings);
    const revision = Math.max(0, ...[...versions.values()].map((version) => revisionOf(version) ?? 0));
    const runtime = this.#options.compile(snapshot, revision);
    if (!runtime.ok) return runtime;
    return ok({
      runtime: runtime.value,
      snapshot,
      revision,
      stored: { meshId, types: storedTypes(holdings, versions) },
    });
  }

  #use(activation: Activation<T>): Activation<T> {
    this.#active = this.#holdings;
    this.#held = undefined;
    return activation;
  }

  #lacks(): readonly Lack[] {
    const { clusters, endpoints, listeners, routes } = this.#holdings;
    const lacks: Lack[] = [];
    if (!this.#types.clusters.isAccepted) lacks.push({ type: "clusters", name: "" });
    if (!this.#types.listeners.isAccepted) lacks.push({ type: "listeners", name: "" });
    for (const name of assignmentNames(clusters)) if (!endpoints.has(name)) lacks.push({ type: "endpoints", name });
    for (const name of routeConfigNames(listeners)) if (!routes.has(name)) lacks.push({ type: "routes", name });
    if (this.#active === undefined) return lacks;
    for (const name of routedClusters(this.#holdings)) {
      if (!clusters.has(name) && this.#active.clusters.has(name)) lacks.push({ type: "clusters", name });
    }
    return lacks;
  }

  /** Silence means something before the first answer of any server, and always with one that sends digests. */
  #expectsSound(): boolean {
    return !this.#isAnswered || this.#types.digest.sentNames !== undefined;
  }

  #onDigest(response: SessionResponse, nowMs: number): Outcome<T> {
    const [resource] = response.resources;
    if (resource === undefined) return { ...QUIET, requests: [this.#request("digest")] };
    const digest = this.#options.decoder.digest(resource.bytes);
    if (!digest.ok) return this.#nack(response, digest.error);
    this.#types.digest.version = response.version;
    this.#types.digest.refused = undefined;
    if (this.#meshId === "") this.#meshId = digest.value.meshId;
    const requests = [this.#request("digest")];
    const difference = this.#difference(digest.value);
    if (difference !== undefined) return { ...QUIET, requests, reconnect: difference };
    if (RESOURCE_TYPES.every((type) => this.#types[type].refused === undefined)) this.#confirmedMs = nowMs;
    return { ...QUIET, requests };
  }

  /** How what the server believes it sent differs from what came. A refused response came: no reason to reconnect. */
  #difference(digest: Digest): string | undefined {
    const foreign = this.#options.acceptOlder ? undefined : otherMesh(digest.meshId, this.#meshId);
    if (foreign !== undefined) return foreign.message;
    for (const type of RESOURCE_TYPES) {
      const { sentNames, seenVersion } = this.#types[type];
      const sent = digest.versions.get(type) ?? "";
      if (sentNames !== undefined && sent !== "" && sent !== seenVersion) {
        return `the control plane sent ${type} ${sent}, but ${seenVersion === "" ? "none" : seenVersion} came`;
      }
    }
    return undefined;
  }

  #ack(type: ResourceType, activate: Activation<T> | undefined): Outcome<T> {
    const requests = [this.#request(type), ...this.#renamed("endpoints"), ...this.#renamed("routes")];
    return { ...QUIET, activate, requests };
  }

  #nack(response: SessionResponse, violations: readonly Violation[]): Outcome<T> {
    const reason = describeViolations(violations).slice(0, NACK_REASON_CHARS_MAX);
    const refused = { type: response.type, version: response.version, reason };
    this.#types[response.type].refused = refused;
    return { ...QUIET, refused, requests: [this.#request(response.type)] };
  }

  /** A request when the names differ from those last sent on this stream. */
  #renamed(type: "endpoints" | "routes"): readonly SessionRequest[] {
    const sent = this.#types[type].sentNames ?? [];
    const names = this.#names(type);
    const isSame = names.length === sent.length && names.every((name, index) => name === sent[index]);
    return isSame ? [] : [this.#request(type)];
  }

  /** The first request of a stream for a wildcard type. Only Heddle's servers learn the names held: older others take `*` for a name. */
  #first(type: "clusters" | "listeners"): SessionRequest {
    const held = [...this.#holdings[type].keys()];
    this.#types[type].sentNames = this.#meshId === "" || held.length === 0 ? [] : ["*", ...held];
    return { type, version: this.#types[type].version, nonce: "", names: this.#types[type].sentNames, reason: "" };
  }

  /**
   * Acknowledges the last response of the type and states the names. As long as that response stands refused, the reason
   * is repeated: a request without it would acknowledge what was refused (grpc-js does the same).
   */
  #request(type: SubscribedType): SessionRequest {
    const state = this.#types[type];
    state.sentNames = this.#names(type);
    const reason = state.nonce === "" ? "" : (state.refused?.reason ?? "");
    return { type, version: state.version, nonce: state.nonce, names: state.sentNames, reason };
  }

  #names(type: SubscribedType): readonly string[] {
    switch (type) {
      case "digest":
        return ["digest"];
      case "endpoints":
        return assignmentNames(this.#holdings.clusters);
      case "routes":
        return routeConfigNames(this.#holdings.listeners);
      case "clusters":
      case "listeners":
        // Once a name was sent, an empty list would mean "nothing" (xds.md 1.4).
        return (this.#types[type].sentNames ?? []).length === 0 ? [] : ["*"];
      default:
        return unreachable(type);
    }
  }

  #decodeStored(stored: StoredSnapshot): Result<Holdings, readonly Violation[]> {
    let holdings = noHoldings;
    for (const type of RESOURCE_TYPES) {
      const resources = stored.types.find((one) => one.type === type)?.resources ?? [];
      const raw = resources.map((bytes) => ({ type, bytes }));
      const staged = stage(holdings, type, raw, this.#options.decoder);
      if (!staged.ok) return staged;
      holdings = staged.value;
    }
    return ok(holdings);
  }
}

function storedTypes(holdings: Holdings, versions: ReadonlyMap<ResourceType, string>): StoredSnapshot["types"] {
  return RESOURCE_TYPES.map((type) => ({
    type,
    version: versions.get(type) ?? "",
    resources: [...holdings[type].values()].map(({ bytes }) => bytes),
  }));
}
