// Helpers for streams of clients, who may leave at any moment.
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';

/** Resolves when all that was written is sent, or the client is gone. */
export async function endAll(...streams: readonly (Writable | undefined)[]): Promise<void> {
  await Promise.all(
    streams.map(async (stream) => {
      if (!stream || stream.destroyed) return;
      stream.end();
      // The client's leaving is told elsewhere.
      await finished(stream, { readable: false }).catch(() => undefined);
    }),
  );
}
