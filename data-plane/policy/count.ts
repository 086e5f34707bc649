/** A number of something under way: of this thread alone, or of all workers of a proxy. */
export interface Count {
  readonly total: number;
  add(change: number): void;
}

export class OwnCount implements Count {
  total = 0;

  add(change: number): void {
    this.total += change;
  }
}
