// The Auth service, all of it refused: who may connect is decided by client certificates.
import { EtcdError } from '../backend.js';
import { UnsupportedError } from './context.js';
import type { Unary } from './grpc-server.js';

const METHODS = [
  ...['AuthEnable', 'AuthDisable', 'AuthStatus', 'UserAdd', 'UserGet', 'UserList', 'UserDelete', 'UserChangePassword', 'UserGrantRole'],
  ...['UserRevokeRole', 'RoleAdd', 'RoleGet', 'RoleList', 'RoleDelete', 'RoleGrantPermission', 'RoleRevokePermission'],
] as const;

export function authService(): { readonly [method: string]: Unary } {
  const refuse = async () => {
    throw new UnsupportedError(
      'the embedded store has no users and roles: who has a client certificate of its authority may do everything',
    );
  };
  return {
    ...Object.fromEntries(METHODS.map((method) => [method, refuse])),
    /** Clients that were given a user and password ask this first, and go on without where authentication is off. */
    async Authenticate() {
      throw new EtcdError('FAILED_PRECONDITION', 'etcdserver: authentication is not enabled');
    },
  };
}
