// The Cluster service: one member, and what to do where one is not enough.
import { EtcdError } from '../backend.js';
import { currentRevision, headers, memberId, type ServiceContext, USE_A_CLUSTER } from './context.js';
import type { Unary } from './grpc-server.js';

export function clusterService(context: ServiceContext): { readonly [method: string]: Unary } {
  const header = headers(context.member);
  const { name, clientUrls } = context.member;
  const refuse = async () => {
    throw new EtcdError('FAILED_PRECONDITION', `etcdserver: ${USE_A_CLUSTER}`);
  };
  return {
    async MemberList() {
      const member = { ID: memberId(context.member), name, peerURLs: [], clientURLs: clientUrls, isLearner: false };
      return { header: header(await currentRevision(context)), members: [member] };
    },
    MemberAdd: refuse,
    MemberRemove: refuse,
    MemberUpdate: refuse,
    MemberPromote: refuse,
  };
}
