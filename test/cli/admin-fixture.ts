import { createAdminServer } from "../../control-plane/admin/admin-server.ts";
import { openSqliteStore } from "../../control-plane/store/sqlite-store.ts";
import type { Fleet, ProxyStatus, RevisionWait } from "../../control-plane/xds/fleet.ts";
import { formatAddress } from "../../shared/address.ts";
import { systemClock } from "../../shared/clock.ts";
import { createLog } from "../../shared/log.ts";
import { systemTimers } from "../../shared/timers.ts";
import { heddle, type Ran } from "./captured-terminal.ts";
import type { Terminal } from "../../cli/terminal.ts";

/** A fleet that answers what the test says: the port between the admin API and the streams. */
export class SaidFleet implements Fleet {
  statuses: ProxyStatus[] = [];
  wait: Omit<RevisionWait, "revision"> = { acknowledged: 0, waiting: [] };

  proxies(): readonly ProxyStatus[] {
    return this.statuses;
  }
  connectedCount(): number {
    return this.statuses.filter(({ connected }) => connected).length;
  }
  waitForRevision(revision: number): Promise<RevisionWait> {
    return Promise.resolve({ revision, ...this.wait });
  }
}

export interface AdminFixture {
  readonly server: string;
  readonly fleet: SaidFleet;
  /** Runs one command against this admin API. */
  run(command: string | readonly string[], terminal?: Partial<Terminal> & { stdin?: string }): Promise<Ran>;
  stop(): Promise<void>;
}

/** A real admin server on a real store in memory, on a free port. */
export async function startAdmin(): Promise<AdminFixture> {
  const log = createLog("test", "silent");
  const opened = openSqliteStore({ file: ":memory:", clock: systemClock, log });
  if (!opened.ok) throw new Error(opened.error);
  const fleet = new SaidFleet();
  const admin = createAdminServer({ store: opened.value, fleet, clock: systemClock, timers: systemTimers, log });
  const bound = await admin.start({ host: "127.0.0.1", port: 0 });
  if (!bound.ok) throw new Error(bound.error);
  const server = formatAddress(bound.value);
  return {
    server,
    fleet,
    run: (command, terminal) => heddle([...wordsOf(command), "--server", server], terminal),
    stop: async () => {
      await admin.stop(0);
      opened.value.close();
    },
  };
}

function wordsOf(command: string | readonly string[]): readonly string[] {
  return typeof command === "string" ? command.split(" ") : command;
}
