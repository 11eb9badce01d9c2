// Compression of large answers, off the main thread.
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Exchange } from '../exchange.js';
import type { Reply } from './respond.js';

const compress = promisify(gzip);
/** Upstream's: below it compressing costs more time than sending. */
const MIN_BYTES = 128 * 1024;
/** Upstream's: the fastest, since lists of objects shrink to a tenth even so. */
const LEVEL = 1;

export const isWorthCompressing = ({ compressible, body }: Reply, { headers }: Exchange): boolean =>
  Boolean(compressible) && body.length > MIN_BYTES && acceptsGzip(headers.acceptEncoding);

export async function compressed(reply: Reply): Promise<Reply> {
  const body = await compress(reply.body, { level: LEVEL });
  return { ...reply, headers: { ...reply.headers, 'content-encoding': 'gzip', vary: 'Accept-Encoding' }, body };
}

/** As upstream, only the bare word counts: one with a weight does not. */
export const acceptsGzip = (acceptEncoding: string | undefined) =>
  acceptEncoding?.split(',').some((each) => each.trim() === 'gzip') ?? false;
