import { status, type ServerWritableStream } from "@grpc/grpc-js";

import { ADMIN_STREAMS_MAX, WATCH_QUEUE_EVENTS_MAX } from "../../shared/limits.ts";
import type { WatchEvent } from "../../shared/wire/admin-api.ts";
import type { Kind } from "../catalog/catalog.ts";
import { keyOf } from "../catalog/row-key.ts";
import { rowsOf } from "../catalog/rows.ts";
import type { Commit, Store } from "../store/store.ts";
import { refusal, toStatus } from "./refusal.ts";
import { changeMessage } from "./row-wire.ts";
import { refuseBytes, type Received } from "./unary.ts";

type WatchCall = ServerWritableStream<Received<unknown>, WatchEvent>;

/**
 * The open Watch streams. Each begins with every present row, then says `synced`, then gives each change in the order of
 * revisions, without a gap: what cannot be kept for a slow reader ends its stream, so that it lists again.
 */
export class Watchers {
  readonly #store: Store;
  #open = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  handler(kind: Kind): (call: WatchCall) => void {
    return (call) => {
      if (!call.request.ok) {
        call.emit("error", toStatus(refuseBytes(call.request.error)));
        return;
      }
      if (this.#open >= ADMIN_STREAMS_MAX) {
        call.emit(
          "error",
          toStatus(refusal(status.RESOURCE_EXHAUSTED, `${ADMIN_STREAMS_MAX} watches are open already; close some`)),
        );
        return;
      }
      this.#open += 1;
      const watch = new Watch(call, kind, this.#store);
      call.once("cancelled", () => watch.end());
      call.once("close", () => {
        this.#open -= 1;
        watch.end();
      });
    };
  }
}

/** Feeds one stream as fast as it is read. */
class Watch {
  readonly #call: WatchCall;
  readonly #kind: Kind;
  readonly #present: Generator<WatchEvent>;
  readonly #stopListening: () => void;
  #changes: WatchEvent[] = [];
  #isBlocked = false;
  #isOver = false;

  constructor(call: WatchCall, kind: Kind, store: Store) {
    this.#call = call;
    this.#kind = kind;
    this.#present = presentThenSynced(kind, store);
    this.#stopListening = store.onCommit((commit) => this.#onCommit(commit));
    call.on("drain", () => {
      this.#isBlocked = false;
      this.#pump();
    });
    this.#pump();
  }

  end(): void {
    this.#isOver = true;
    this.#changes = [];
    this.#stopListening();
  }

  #onCommit(commit: Commit): void {
    const concerned = commit.changes.filter((change) => change.key.kind === this.#kind);
    if (this.#changes.length + concerned.length > WATCH_QUEUE_EVENTS_MAX) {
      this.end();
      const words = `the watch was read too slowly and missed r${commit.revision}; watch again, which begins with every present row`;
      this.#call.emit("error", toStatus(refusal(status.RESOURCE_EXHAUSTED, words)));
      return;
    }
    const revision = BigInt(commit.revision);
    for (const change of concerned) this.#changes.push({ revision, change: changeMessage(change), synced: false });
    this.#pump();
  }

  #pump(): void {
    while (!this.#isOver && !this.#isBlocked) {
      const present = this.#present.next();
      const event = present.done === true ? this.#changes.shift() : present.value;
      if (event === undefined) return;
      this.#isBlocked = !this.#call.write(event);
    }
  }
}

/** The rows as they are now; commits during the walk are queued behind it. */
function* presentThenSynced(kind: Kind, store: Store): Generator<WatchEvent> {
  const catalog = store.catalog();
  const revision = BigInt(catalog.revision);
  for (const row of rowsOf(catalog, kind)) {
    yield { revision, change: changeMessage({ key: keyOf(row), before: undefined, after: row }), synced: false };
  }
  yield { revision, change: undefined, synced: true };
}
