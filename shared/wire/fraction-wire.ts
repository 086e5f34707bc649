import { FractionalPercent, FractionalPercent_DenominatorType } from "../generated/envoy/type/v3/percent.ts";

const { HUNDRED, TEN_THOUSAND, MILLION } = FractionalPercent_DenominatorType;

/** A share in percent, with at most four digits behind the point: Envoy's finest denominator is a million. */
export function fractionMessage(percent: number): FractionalPercent {
  for (const denominator of [HUNDRED, TEN_THOUSAND]) {
    const numerator = (percent / 100) * wholeOf(denominator);
    if (Number.isInteger(numerator)) return FractionalPercent.fromPartial({ numerator, denominator });
  }
  return FractionalPercent.fromPartial({ numerator: Math.round(percent * 10_000), denominator: MILLION });
}

/** In percent, at most 100. A denominator of the future makes it 0: nothing is known to be a share of it. */
export function readFraction({ numerator, denominator }: FractionalPercent): number {
  return Math.min(100, (numerator * 100) / wholeOf(denominator));
}

export function wholeOf(denominator: FractionalPercent_DenominatorType): number {
  switch (denominator) {
    case HUNDRED:
      return 100;
    case TEN_THOUSAND:
      return 10_000;
    case MILLION:
      return 1_000_000;
    default:
      return Number.POSITIVE_INFINITY;
  }
}
