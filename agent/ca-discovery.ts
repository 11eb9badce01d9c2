// discoverAuthority: gets the cluster's CA from the server's TLS chain and holds it against the token's pin, before anything is sent.
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import type { Clock } from '../src/apimachinery/clock.js';
import { pinOf } from '../src/client/join-token.js';
import { BootstrapError } from './bootstrap-error.js';

const CONNECT_TIMEOUT_ms = 10_000;
/** A server sends its certificate and the CA; a longer chain is not ours. */
const CHAIN_MAX = 5;

/** PEM of the CA with that pin. Rejects with a BootstrapError where the server cannot be reached or is not of that CA. */
export async function discoverAuthority(server: string, pin: string, clock: Clock): Promise<string> {
  const chain = await peerChain(new URL(server), clock);
  const authority = chain.find((certificate) => pinOf(certificate) === pin);
  if (!authority) {
    const found = pinOf(chain.at(-1)!);
    const why = `${server} shows ${found.slice(0, 16)}..., the token pins ${pin.slice(0, 16)}...`;
    throw new BootstrapError(
      `the server's certificate authority is not the one this token was made for: ${why}: make a token on this server with \`porthole token create\`, or correct --server`,
    );
  }
  return `${new X509Certificate(authority).toString().trim()}\n`;
}

/** The server's certificates as DER, its own first. Nothing is trusted or sent yet. */
function peerChain(server: URL, clock: Clock): Promise<readonly Buffer[]> {
  return new Promise((resolve, reject) => {
    const host = server.hostname.replace(/^\[|\]$/g, '');
    const name = isIP(host) === 0 ? { servername: host } : {};
    const socket = connect({ host, port: Number(server.port || 443), ...name, rejectUnauthorized: false });
    const end = (act: () => void) => {
      timer.cancel();
      socket.destroy();
      act();
    };
    const fail = (why: string) => end(() => reject(new BootstrapError(unreachableLine(server, why))));
    const timer = clock.after(CONNECT_TIMEOUT_ms, () => fail(`no answer within ${CONNECT_TIMEOUT_ms / 1000} s`));
    socket.once('error', (error) => fail(error.message));
    socket.once('secureConnect', () => {
      const chain = flatten(socket.getPeerCertificate(true));
      end(() => resolve(chain));
    });
  });
}

function unreachableLine(server: URL, why: string): string {
  return `the server ${server.origin} cannot be reached: ${why}: check --server, and that \`porthole server\` runs there`;
}

function flatten(leaf: DetailedPeerCertificate): readonly Buffer[] {
  const chain: Buffer[] = [];
  // The last one is its own issuer.
  for (let cert: DetailedPeerCertificate | undefined = leaf; cert?.raw && chain.length < CHAIN_MAX; cert = cert.issuerCertificate) {
    if (chain.at(-1)?.equals(cert.raw)) break;
    chain.push(cert.raw);
  }
  return chain;
}
