/**
 * What remains of a request once its two connections carry the bytes of another protocol (a 101, a CONNECT): the body of
 * the request and that of the response both last until their side is closed, in any order.
 *
 *     both speak ── the client closes its side ──▶ the upstream alone speaks ──┐
 *          └────── the upstream closes its side ─▶ the client alone speaks ────┴──▶ done, once all bytes have left
 */
export class Tunnel {
  isClientEnded = false;
  isUpstreamEnded = false;
  /** The kernel has taken the client's last byte and the end after it. */
  isAllSent = false;

  /** Nothing more will be said; bytes may still be on their way to the upstream. */
  get isSpoken(): boolean {
    return this.isClientEnded && this.isUpstreamEnded;
  }

  get isDone(): boolean {
    return this.isSpoken && this.isAllSent;
  }
}
