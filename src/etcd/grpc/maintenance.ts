// The Maintenance service: status, alarms (there are none), defragmentation, hashes and the snapshot stream.
import { EtcdError } from '../backend.js';
import { hashDatabase, hashKv } from '../hash.js';
import { snapshotOf } from '../snapshot.js';
import { currentRevision, headers, memberId, type ServiceContext, serviceError, UnsupportedError, USE_A_CLUSTER } from './context.js';
import type { Unary } from './grpc-server.js';
import type { ServerStream } from './server-stream.js';

export function maintenanceService(context: ServiceContext): { readonly [method: string]: Unary } {
  const { backend, member } = context;
  const header = headers(member);
  const current = async () => header(await currentRevision(context));
  return {
    async Alarm({ action }: { readonly action: string | number }) {
      if (action !== 'Get' && action !== 'Deactivate') throw new UnsupportedError('alarms cannot be raised in the embedded store');
      return { header: await current(), alarms: [] };
    },
    async Status() {
      const { version, revision, dbSize_bytes } = await backend.status();
      const size = String(dbSize_bytes);
      const index = String(revision);
      return {
        header: header(revision),
        version,
        dbSize: size,
        dbSizeInUse: size,
        leader: memberId(member),
        raftIndex: index,
        raftAppliedIndex: index,
        raftTerm: header(revision).raft_term,
      };
    },
    async Defragment() {
      await backend.defragment();
      return { header: await current() };
    },
    async Hash() {
      return { header: await current(), hash: await hashDatabase(backend.database) };
    },
    async HashKV({ revision }: { readonly revision: string }) {
      const found = await hashKv(backend.database, Number(revision));
      return { header: header(found.revision), hash: found.hash, compact_revision: String(found.compactedRevision) };
    },
    async MoveLeader() {
      throw new EtcdError('FAILED_PRECONDITION', `etcdserver: bad leader transferee: ${USE_A_CLUSTER}`);
    },
    async Downgrade() {
      throw new UnsupportedError('the embedded store has no other version to go back to');
    },
  };
}

/** Sends the snapshot as fast as the client takes it. */
export function snapshotHandler(context: ServiceContext): (call: ServerStream<object, object>) => void {
  const header = headers(context.member);
  return (call) => {
    const send = async () => {
      // A snapshot must not carry damage on.
      await context.backend.verify();
      const first = header(await currentRevision(context));
      for await (const blob of snapshotOf(context.backend.database, context.clock.now())) {
        if (call.isOver) return;
        // How much is to come is not known before it has been read; no client depends on it.
        if (!call.write({ header: first, remaining_bytes: '0', blob })) await drained(call);
      }
      call.end();
    };
    call.once('data', () => {
      send().catch((error: unknown) => call.fail(serviceError(error, context.log)));
    });
  };
}

function drained(call: ServerStream<object, object>): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      for (const event of EVENTS) call.off(event, done);
      resolve();
    };
    for (const event of EVENTS) call.once(event, done);
  });
}

const EVENTS = ['drain', 'close'] as const;
