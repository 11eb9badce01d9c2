// Outbox: what a stream has yet to send. It knows how much that is, so that a slow client costs a bounded amount of memory.
import type { ServerStream } from './server-stream.js';

/** More than this waiting, and the sender should rather read it again from the store when the client has caught up. */
const FULL_BYTES = 4 << 20;

export class Outbox<Message> {
  readonly #waiting: { readonly message: Message; readonly bytes: number }[] = [];
  #bytes = 0;
  #blocked = false;

  constructor(
    private readonly call: ServerStream<never, Message>,
    /** The client has taken everything. */
    private readonly onEmpty: () => void,
  ) {
    call.on('drain', () => this.#flush());
  }

  /** Then nothing large should be added. */
  get isFull(): boolean {
    return this.#bytes >= FULL_BYTES;
  }

  send(message: Message, bytes = 0): void {
    this.#waiting.push({ message, bytes });
    this.#bytes += bytes;
    if (!this.#blocked) this.#flush();
  }

  #flush(): void {
    this.#blocked = false;
    let next = this.#waiting.shift();
    while (next) {
      this.#bytes -= next.bytes;
      if (!this.call.write(next.message)) {
        this.#blocked = true;
        return;
      }
      next = this.#waiting.shift();
    }
    this.onEmpty();
  }
}
