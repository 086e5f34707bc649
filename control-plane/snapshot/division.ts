import type { WeightedCluster } from "../../shared/model/route.ts";
import type { RouteDestination, TrafficSplit } from "../catalog/catalog.ts";
import { clusterName } from "./clusters.ts";

/** The split that holds for a caller: its own row before the general one (seeds.md C9). */
export function splitFor(splits: readonly TrafficSplit[], source: string): TrafficSplit | undefined {
  return (
    splits.find((split) => split.sourceService !== null && split.sourceService === source) ??
    splits.find((split) => split.sourceService === null)
  );
}

/** A split per destination, in the same order; undefined where a version is named or no split exists. */
type Splits = readonly (TrafficSplit | undefined)[];

/** Where the calls go by weight. A destination without a version goes by its split: the weights multiply. */
export function divide(destinations: readonly RouteDestination[], splits: Splits): readonly WeightedCluster[] {
  return weigh(destinations.map((to, index) => ({ weight: to.weight, shares: shares(to, splits[index]) })));
}

/** The same for calls that carry a header which forces the second side of the splits that name it. */
export function forced(
  destinations: readonly RouteDestination[],
  splits: Splits,
  { header, value }: { readonly header: string; readonly value: string },
): readonly WeightedCluster[] {
  const parts = destinations.map((to, index) => {
    const split = splits[index];
    if (split?.headerMatch?.[header] !== value) return { weight: to.weight, shares: shares(to, split) };
    return { weight: to.weight, shares: [{ cluster: clusterName(to.service, split.v2Version), weight: 1 }] };
  });
  return weigh(parts);
}

/** How one destination divides. A split whose weights are all 0 means its first side (seeds.md C10, F4.24). */
function shares(to: RouteDestination, split: TrafficSplit | undefined): readonly WeightedCluster[] {
  if (split === undefined) return [{ cluster: clusterName(to.service, to.version), weight: 1 }];
  const first = clusterName(to.service, split.v1Version);
  if (split.v1Weight + split.v2Weight === 0) return [{ cluster: first, weight: 1 }];
  return [
    { cluster: first, weight: split.v1Weight },
    { cluster: clusterName(to.service, split.v2Version), weight: split.v2Weight },
  ];
}

interface Part {
  readonly weight: number;
  readonly shares: readonly WeightedCluster[];
}

/** Envoy's weights are 32-bit and their sum must fit too. */
const WEIGHT_SUM_MAX = 4_294_967_295;

/**
 * Multiplies each destination's weight with its shares, exactly: all shares are brought to one denominator first. Only
 * odd weights whose product would pass 32 bits are rounded, to within one part in 2^32. Clusters named twice are added
 * up; those of weight 0 are kept, so that the table shows them.
 */
function weigh(parts: readonly Part[]): readonly WeightedCluster[] {
  const totals = parts.map((part) => sum(part.shares));
  const denominator = totals.reduce(leastCommonMultiple, 1);
  const weights = new Map<string, number>();
  parts.forEach((part, index) => {
    for (const { cluster, weight } of part.shares) {
      const exact = part.weight * weight * (denominator / (totals[index] ?? 1));
      weights.set(cluster, (weights.get(cluster) ?? 0) + exact);
    }
  });
  return fit([...weights].map(([cluster, weight]) => ({ cluster, weight })));
}

function fit(clusters: readonly WeightedCluster[]): readonly WeightedCluster[] {
  const total = sum(clusters);
  if (total <= WEIGHT_SUM_MAX) return clusters;
  return clusters.map(({ cluster, weight }) => ({ cluster, weight: Math.floor((weight / total) * WEIGHT_SUM_MAX) }));
}

function sum(clusters: readonly WeightedCluster[]): number {
  return clusters.reduce((total, { weight }) => total + weight, 0);
}

function leastCommonMultiple(a: number, b: number): number {
  return (a / greatestCommonDivisor(a, b)) * b;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
