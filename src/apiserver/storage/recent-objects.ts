// RecentObjects: the objects that were parsed or written last, which are likely to be asked for again. All others can be parsed anew from
// their bytes, which take a fraction of the memory and of the garbage collector's time.
import type { KubeObject } from '../../apimachinery/object.js';

/** Encoded bytes of what is kept; parsed it takes two to three times as much. */
const BYTES_MAX = 4 << 20;
const OBJECTS_MAX = 2048;

export class RecentObjects {
  readonly #objects: (KubeObject | undefined)[] = new Array(OBJECTS_MAX).fill(undefined);
  readonly #sizes = new Uint32Array(OBJECTS_MAX);
  #bytes = 0;
  #count = 0;
  #oldest = 0;

  get count(): number {
    return this.#count;
  }

  /** `size`: of its encoded form. */
  keep(object: KubeObject, size: number): void {
    if (this.#count === OBJECTS_MAX) this.#dropOldest();
    const slot = (this.#oldest + this.#count) % OBJECTS_MAX;
    this.#objects[slot] = object;
    this.#sizes[slot] = size;
    this.#bytes += size;
    this.#count++;
    while (this.#bytes > BYTES_MAX) this.#dropOldest();
  }

  #dropOldest(): void {
    this.#bytes -= this.#sizes[this.#oldest]!;
    this.#objects[this.#oldest] = undefined;
    this.#oldest = (this.#oldest + 1) % OBJECTS_MAX;
    this.#count--;
  }
}
