// The Lease service: grant, revoke, time to live, list, and the streams that keep leases alive.
import { LeaseNotFoundError, type LeaseStatus } from '../backend.js';
import { currentRevision, headers, keyBytes, type ServiceContext, serviceError } from './context.js';
import type { Unary } from './grpc-server.js';
import type { LeaseMessage } from './messages.js';
import type { ServerStream } from './server-stream.js';

export function leaseService(context: ServiceContext): { readonly [method: string]: Unary } {
  const { backend, member } = context;
  const header = headers(member);
  const current = async () => header(await currentRevision(context));
  return {
    async LeaseGrant({ ID, TTL }: LeaseMessage) {
      const { id, grantedTtl_s } = await backend.leaseGrant(Number(TTL), BigInt(ID));
      return { header: await current(), ID: String(id), TTL: String(grantedTtl_s) };
    },
    async LeaseRevoke({ ID }: LeaseMessage) {
      await backend.leaseRevoke(BigInt(ID));
      return { header: await current() };
    },
    async LeaseTimeToLive({ ID, keys }: LeaseMessage) {
      const status = await backend.leaseTimeToLive(BigInt(ID), keys);
      return {
        header: await current(),
        ID,
        TTL: String(status.ttl_s),
        grantedTTL: String(status.grantedTtl_s),
        keys: status.keys.map(keyBytes),
      };
    },
    async LeaseLeases() {
      const leases = (await backend.leases()).map((id) => ({ ID: String(id) }));
      return { header: await current(), leases };
    },
  };
}

/** Answers each request of the stream in its order. A lease that has ended is answered with a TTL of 0, as etcd does. */
export function leaseKeepAlive(context: ServiceContext): (call: ServerStream<LeaseMessage, object>) => void {
  const header = headers(context.member);
  const renew = async ({ ID }: LeaseMessage) => {
    const { ttl_s } = await context.backend.leaseKeepAlive(BigInt(ID)).catch(ended);
    return { header: header(await currentRevision(context)), ID, TTL: String(ttl_s) };
  };
  return (call) => {
    let last: Promise<unknown> = Promise.resolve();
    let failed = false;
    call.on('data', (message: LeaseMessage) => {
      last = last.then(async () => {
        if (failed) return;
        try {
          call.write(await renew(message));
        } catch (error) {
          failed = true;
          call.fail(serviceError(error, context.log));
        }
      });
    });
    call.on('end', () => void last.then(() => failed || call.end()));
  };
}

function ended(error: unknown): Pick<LeaseStatus, 'ttl_s'> {
  if (error instanceof LeaseNotFoundError) return { ttl_s: 0 };
  throw error;
}
