import type { Proxy } from "../../shared/wire/admin-api.ts";
import { isSynced, notesOf } from "../output/proxy-columns.ts";
import { fine, problem, warning, type Finding } from "./finding.ts";

/** Whether every proxy is there and runs what it was sent. */
export function proxyFindings(proxies: readonly Proxy[], nowWallMs: number): readonly Finding[] {
  const connected = proxies.filter((proxy) => proxy.connected);
  if (proxies.length === 0) return [warning("no proxy is connected", "heddle run --service NAME -- COMMAND")];
  const behind = connected.filter((proxy) => !isSynced(proxy));
  const gone = proxies.filter((proxy) => !proxy.connected);
  return [
    behind.length === 0
      ? fine(`all ${connected.length} connected proxies have acknowledged what they were sent`)
      : problem(`${behind.length} of ${connected.length} connected proxies are behind`, "heddle ps"),
    ...behind.map((proxy) =>
      problem(`proxy ${proxy.nodeId}: ${notesOf(proxy, nowWallMs, "").trim()}`, `heddle pc all ${proxy.nodeId}`),
    ),
    ...gone.map((proxy) =>
      warning(`proxy ${proxy.nodeId} (${proxy.service}):${notesOf(proxy, nowWallMs, "")}`, "heddle ps"),
    ),
  ];
}

/** `versions` are those that proxies told, by name; undefined for one that did not answer. */
export function versionFindings(versions: ReadonlyMap<string, string | undefined>, own: string): readonly Finding[] {
  const others = [...versions].filter(([, version]) => version !== undefined && version !== own);
  const silent = [...versions].filter(([, version]) => version === undefined).map(([name]) => name);
  const asked = versions.size - silent.length;
  return [
    ...(asked > 0 && others.length === 0 ? [fine(`${asked} asked proxies run Heddle ${own}, as this command`)] : []),
    ...others.map(([name, version]) =>
      warning(`proxy ${name} runs Heddle ${version}, this command is ${own}`, "heddle version"),
    ),
    ...silent.map((name) => warning(`proxy ${name}: its admin port does not answer from here`, "heddle ps -o wide")),
  ];
}
