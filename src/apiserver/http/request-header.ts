// The X-Remote-* headers of a front proxy: whom it says the request is from.
import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { FRONT_PROXY } from '../bootstrap.js';
import type { UserInfo } from '../options.js';

const EXTRA = 'x-remote-extra-';

/** `rawHeaders` are names and values in turn. Undefined where they name nobody. */
export function remoteUser(rawHeaders: readonly string[]): UserInfo | undefined {
  const groups: string[] = [];
  const extra: { [key: string]: string[] } = {};
  let [name, uid] = ['', ''];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const [header, value] = [rawHeaders[i]!.toLowerCase(), rawHeaders[i + 1]!];
    if (header === 'x-remote-user') name ||= value;
    else if (header === 'x-remote-uid') uid ||= value;
    else if (header === 'x-remote-group') groups.push(value);
    else if (header.startsWith(EXTRA)) (extra[keyOf(header.slice(EXTRA.length))] ??= []).push(value);
  }
  if (!name) return undefined;
  return { name, ...(uid ? { uid } : {}), groups, ...(Object.keys(extra).length > 0 ? { extra } : {}) };
}

/** As upstream: what is no percent-encoding stands for itself. */
function keyOf(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Tells connections of front proxies, by the authority of their certificate, from those of users. */
export class FrontProxies {
  readonly #fingerprint: string;

  constructor(ca: string) {
    this.#fingerprint = new X509Certificate(ca).fingerprint256;
  }

  /** Of a certificate that has been verified: what it is of these, or undefined if it is a user's. */
  check(socket: TLSSocket): 'trusted' | { readonly error: string } | undefined {
    const { issuerCertificate, subject } = socket.getPeerCertificate(true);
    if (issuerCertificate?.fingerprint256 !== this.#fingerprint) return undefined;
    const { CN } = subject as { CN?: string };
    return CN === FRONT_PROXY ? 'trusted' : { error: `x509: subject with cn=${CN ?? ''} is not in the allowed list` };
  }
}
