/** What a script may branch on. 64 and 65 are those of BSD's sysexits.h, as in istioctl. */
export const EXIT = {
  ok: 0,
  /** Something failed that no other code names. */
  failed: 1,
  /** `check` found problems, `diff` found differences, or the control plane refused the wish. */
  problems: 2,
  /** No control plane (or proxy) answered. */
  unreachable: 3,
  /** `--wait` ended before every proxy had acknowledged. */
  notAcknowledged: 4,
  usage: 64,
  badInput: 65,
} as const;
