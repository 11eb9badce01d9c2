// Access: each request to the kubelet has a user, who may do what it asks for, or it is refused.
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { Authenticator } from './authentication.js';
import { Authorizer } from './authorization.js';
import type { KubeletServerOptions } from './options.js';

export class Access {
  readonly #authenticator: Authenticator;
  readonly #authorizer: Authorizer;

  constructor(options: Pick<KubeletServerOptions, 'client' | 'nodeName' | 'settings' | 'clock' | 'log'>) {
    this.#authenticator = new Authenticator(options);
    this.#authorizer = new Authorizer(options);
  }

  /** Rejects with a StatusError: 401 for nobody, 403 for who may not. */
  async check(request: IncomingMessage, socket: TLSSocket, path: string): Promise<void> {
    const user = await this.#authenticator.user(request, socket);
    await this.#authorizer.check(user, request.method ?? '', path);
  }
}
