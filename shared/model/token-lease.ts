/** Tokens of a global limit that one key asks for; below 0: that it gives back. */
export interface LeaseWish {
  readonly key: string;
  readonly tokens: number;
}

/** What became of a wish. */
export interface LeaseGrant {
  readonly granted: number;
  /** Until there is another token. */
  readonly waitMs: number;
}
