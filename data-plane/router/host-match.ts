import { violation, type Violation } from "../../shared/violation.ts";

/** A host's virtual host by its place in the table, or this. */
export const NO_HOST = -1;

/**
 * Finds the virtual host of an authority: the exact domain, else the longest `*suffix`, else the longest `prefix*`, else `*`
 * (Envoy `VirtualHost.domains`). A `*` stands for at least one character. Domains are compared in lower case.
 */
export class HostMatch {
  readonly #exact = new Map<string, number>();
  /** By length of the fixed part, longest first: one lookup per length, however many domains there are. */
  readonly #suffixes: Wildcards = [];
  readonly #prefixes: Wildcards = [];
  #any = NO_HOST;

  /** `domain` has been checked and is not in the table yet. */
  add(domain: string, virtualHost: number): void {
    if (domain === "*") this.#any = virtualHost;
    else if (domain.startsWith("*")) addWildcard(this.#suffixes, domain.slice(1), virtualHost);
    else if (domain.endsWith("*")) addWildcard(this.#prefixes, domain.slice(0, -1), virtualHost);
    else this.#exact.set(domain, virtualHost);
  }

  has(domain: string): boolean {
    return this.#exact.has(domain);
  }

  /** `host` is canonical: lower case. Hot: a host with an exact domain allocates nothing. */
  find(host: string): number {
    const named = this.findNamed(host);
    return named === NO_HOST ? this.#any : named;
  }

  /** Like {@link find}, but the catch-all `*` does not count. */
  findNamed(host: string): number {
    const exact = this.#exact.get(host);
    if (exact !== undefined) return exact;
    for (const { length, domains } of this.#suffixes) {
      const found = host.length > length ? domains.get(host.slice(-length)) : undefined;
      if (found !== undefined) return found;
    }
    for (const { length, domains } of this.#prefixes) {
      const found = host.length > length ? domains.get(host.slice(0, length)) : undefined;
      if (found !== undefined) return found;
    }
    return NO_HOST;
  }
}

type Wildcards = { readonly length: number; readonly domains: Map<string, number> }[];

function addWildcard(wildcards: Wildcards, fixed: string, virtualHost: number): void {
  let group = wildcards.find(({ length }) => length === fixed.length);
  if (group === undefined) {
    group = { length: fixed.length, domains: new Map() };
    wildcards.push(group);
    wildcards.sort((a, b) => b.length - a.length);
  }
  group.domains.set(fixed, virtualHost);
}

/**
 * Builds the table of hosts, or adds to `violations` what is wrong. `path` is the place of `virtual_hosts` in the resource.
 *
 * The codec strips the default port and one trailing dot from a request's authority (http1.md R7), so `web:80` and
 * `web.` could never match as written. They stand for `web`, unless another virtual host has claimed that itself.
 */
export function compileHosts(
  domainsOf: readonly (readonly string[])[],
  path: string,
  violations: Violation[],
): HostMatch {
  const hosts = new HostMatch();
  const seen = new Set<string>();
  const aliases: { readonly host: string; readonly virtualHost: number }[] = [];
  for (const [virtualHost, domains] of domainsOf.entries()) {
    const place = `${path}[${virtualHost}].domains`;
    if (domains.length === 0) violations.push(violation(place, "must name at least one domain"));
    for (const [index, spelled] of domains.entries()) {
      const domain = spelled.toLowerCase();
      const problem = seen.has(domain) ? `"${spelled}" stands twice in the table` : domainProblem(domain);
      if (problem !== undefined) violations.push(violation(`${place}[${index}]`, problem));
      seen.add(domain);
      hosts.add(domain, virtualHost);
      const host = canonicalDomain(domain);
      if (host !== domain) aliases.push({ host, virtualHost });
    }
  }
  for (const { host, virtualHost } of aliases) if (!hosts.has(host)) hosts.add(host, virtualHost);
  return hosts;
}

function domainProblem(domain: string): string | undefined {
  if (domain === "") return "must not be empty";
  const stars = domain.split("*").length - 1;
  if (stars > 1 || (stars === 1 && !domain.startsWith("*") && !domain.endsWith("*"))) {
    return `"${domain}" may have one "*", at its start or its end`;
  }
  return undefined;
}

function canonicalDomain(domain: string): string {
  return domain.includes("*") ? domain : domain.replace(/:80$/, "").replace(/\.$/, "");
}
