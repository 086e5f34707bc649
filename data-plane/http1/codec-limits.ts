import { HEADER_COUNT_MAX, HEAD_BYTES_MAX, METHOD_BYTES_MAX, REQUEST_LINE_BYTES_MAX } from "../../shared/limits.ts";

/** Bounds of one message. */
export interface CodecLimits {
  /** Whole head with its empty line; beyond: 431. */
  readonly headBytesMax: number;
  /** Field lines; beyond: 431. */
  readonly fieldCountMax: number;
  /** Request line with its CRLF; beyond: 414. */
  readonly requestLineBytesMax: number;
  /** Beyond: 501. */
  readonly methodBytesMax: number;
  /** Body without its chunk lines, announced or counted; beyond: 413. Infinity: none. */
  readonly bodyBytesMax: number;
}

export const CODEC_LIMITS: CodecLimits = {
  headBytesMax: HEAD_BYTES_MAX,
  fieldCountMax: HEADER_COUNT_MAX,
  requestLineBytesMax: REQUEST_LINE_BYTES_MAX,
  methodBytesMax: METHOD_BYTES_MAX,
  bodyBytesMax: Infinity,
};
