import { TypeStatus_State, type Proxy, type TypeStatus } from "../../shared/wire/admin-api.ts";
import type * as fleet from "../xds/fleet.ts";

export function proxyMessage(proxy: fleet.ProxyStatus): Proxy {
  return {
    ...proxy,
    since: new Date(proxy.sinceWallMs),
    adminAddress: proxy.adminAddress ?? "",
    acknowledgedRevision: BigInt(proxy.acknowledgedRevision),
    types: proxy.types.map(typeMessage),
  };
}

function typeMessage(type: fleet.TypeStatus): TypeStatus {
  return {
    ...type,
    state: TypeStatus_State[type.state],
    sentAt: type.sentWallMs === undefined ? undefined : new Date(type.sentWallMs),
    answeredAt: type.answeredWallMs === undefined ? undefined : new Date(type.answeredWallMs),
  };
}
