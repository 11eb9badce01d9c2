// The join token: `<id>.<secret>:<pin>`, what a machine needs to join a cluster and to know that it is the right one.
import { createHash, X509Certificate } from 'node:crypto';
import { StatusError } from '../apimachinery/status.js';

/** The bootstrap part is upstream's form; the pin is the SHA-256 of the CA's SubjectPublicKeyInfo in hex, as kubeadm's. */
const JOIN_TOKEN = /^([a-z0-9]{6})\.([a-z0-9]{16}):([0-9a-f]{64})$/;

export const BOOTSTRAP_TOKEN_TYPE = 'bootstrap.kubernetes.io/token';
const SECRET_PREFIX = 'bootstrap-token-';

export interface JoinToken {
  readonly id: string;
  readonly secret: string;
  /** SHA-256 of the CA's SubjectPublicKeyInfo, hex. */
  readonly pin: string;
}

/** Throws a StatusError (400) for what is not a join token. */
export function parseJoinToken(text: string): JoinToken {
  const match = JOIN_TOKEN.exec(text.trim());
  if (!match) {
    const form = 'a join token has the form <6 characters>.<16 characters>:<64 hexadecimal digits>';
    throw new StatusError(400, 'BadRequest', `the token is malformed: ${form}; make one with \`porthole token create\` on the server`);
  }
  return { id: match[1]!, secret: match[2]!, pin: match[3]! };
}

export function formatJoinToken({ id, secret, pin }: JoinToken): string {
  return `${id}.${secret}:${pin}`;
}

/** The name of the Secret in kube-system that holds the token. */
export function tokenSecretName(id: string): string {
  return SECRET_PREFIX + id;
}

/** The pin of a CA certificate (PEM or DER). */
export function pinOf(certificate: string | Buffer): string {
  const spki = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(spki).digest('hex');
}
