// Slots by the time at which they were taken; whatever is asked of them costs the same, however many have come and gone.

export class SlotList {
  readonly #next: Int32Array;
  readonly #before: Int32Array;
  size = 0;

  /** The place behind the last slot closes the ring. */
  constructor(private readonly end: number) {
    this.#next = new Int32Array(end + 1).fill(end, end);
    this.#before = new Int32Array(end + 1).fill(end, end);
  }

  get oldest(): number {
    return this.#next[this.end]!;
  }

  add(slot: number): void {
    this.#join(this.#before[this.end]!, slot);
    this.#join(slot, this.end);
    this.size++;
  }

  delete(slot: number): void {
    this.#join(this.#before[slot]!, this.#next[slot]!);
    this.size--;
  }

  #join(slot: number, next: number): void {
    this.#next[slot] = next;
    this.#before[next] = slot;
  }
}
