const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000_001 };

/**
 * The `grpc-timeout` header in ms: at most eight digits and a unit (gRPC over HTTP/2, Requests). Undefined when it is
 * none, which is refused: a deadline that was not understood cannot be kept.
 */
export function parseGrpcTimeout(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(text) ?? [];
  if (digits === undefined || unit === undefined) return undefined;
  return Math.ceil(Number(digits) * (UNIT_MS[unit] ?? 0));
}
