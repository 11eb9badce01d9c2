// bootstrapNode: a node's way into the cluster. Gets its certificates by a join token once, keeps them, and renews them in time.
import type { Clock, Random } from '../src/apimachinery/clock.js';
import type { Logger } from '../src/apimachinery/logger.js';
import { isStatus, StatusError } from '../src/apimachinery/status.js';
import { ApiClient } from '../src/client/api-client.js';
import { type CertificateInfo, canonicalIp } from '../src/client/certificates.js';
import { type HttpsTransport, httpsTransport } from '../src/client/https.js';
import { type JoinToken, parseJoinToken, pinOf } from '../src/client/join-token.js';
import { SIGNER_KUBELET_CLIENT, SIGNER_KUBELET_SERVING, USER_NODE_PREFIX } from '../src/kinds/wellknown.js';
import { BootstrapError } from './bootstrap-error.js';
import { discoverAuthority } from './ca-discovery.js';
import { type CertAndKey, type CertificateName, CertificateStore } from './certificate-store.js';
import { keepRenewed } from './renewal.js';
import { requestCertificate } from './signing-request.js';

export interface BootstrapOptions {
  /** `https://host:6443`. */
  readonly server: string;
  /** Needed until the node has its certificates, and again when they belong to another cluster. */
  readonly token?: string;
  readonly nodeName: string;
  /** What the kubelet's serving certificate is for, besides the node's name. */
  readonly nodeIPs: readonly string[];
  readonly certDir: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** A node that has joined. */
export interface NodeIdentity {
  /** PEM of the cluster's CA: what client certificates that reach the kubelet must come from. */
  readonly ca: string;
  /** To the API server as system:node:<name>; takes up renewed certificates by itself. */
  readonly transport: HttpsTransport;
  /** The kubelet's present serving certificate. */
  serving(): CertAndKey;
  /** Calls back with each renewed serving certificate. */
  onServingChange(handler: (serving: CertAndKey) => void): void;
  /** Ends renewal and the transport. */
  stop(): void;
}

/** Rejects with a BootstrapError of one line: a token that is wrong, expired or of another cluster, or a server that cannot be reached. */
export async function bootstrapNode(options: BootstrapOptions): Promise<NodeIdentity> {
  const { server, certDir, clock, log } = options;
  const store = new CertificateStore(certDir);
  const token = readToken(options);
  const ca = await authorityFor(store, token, options);
  let client = (await keptClient(store, ca, options)) ?? (await join(store, ca, token, options));
  const transport = httpsTransport({ server, ca, clock, reload: () => ({ ca, ...client }), userAgent: 'kubelet' });
  const api = new ApiClient(transport);

  const request = (name: CertificateName) => asNode(name, api, options);
  const fits = (info: CertificateInfo) => hasNames(info, options.nodeIPs);
  let serving: CertAndKey;
  try {
    serving = (await store.get('kubelet-serving', ca, clock.now(), fits)) ?? (await obtain(store, 'kubelet-serving', request));
  } catch (error) {
    transport.close();
    throw oneLine(error);
  }
  const handlers: ((serving: CertAndKey) => void)[] = [];
  const renewals = [
    keepRenewed(client, options, async () => {
      client = await obtain(store, 'kubelet-client', request);
      transport.reconnect();
      log.info({}, 'renewed the client certificate');
      return client;
    }),
    keepRenewed(serving, options, async () => {
      serving = await obtain(store, 'kubelet-serving', request);
      for (const handler of handlers) handler(serving);
      log.info({}, 'renewed the serving certificate');
      return serving;
    }),
  ];
  return {
    ca,
    transport,
    serving: () => serving,
    onServingChange: (handler) => void handlers.push(handler),
    stop() {
      for (const renewal of renewals) renewal.stop();
      transport.close();
    },
  };
}

function readToken({ token }: BootstrapOptions): JoinToken | undefined {
  try {
    return token === undefined ? undefined : parseJoinToken(token);
  } catch (error) {
    throw oneLine(error);
  }
}

/** The CA joined before, unless the token is for another one: a node that is given a new cluster's token leaves the old cluster. */
async function authorityFor(store: CertificateStore, token: JoinToken | undefined, { server, clock }: BootstrapOptions): Promise<string> {
  const kept = await store.authority();
  if (kept && (!token || pinOf(kept) === token.pin)) return kept;
  if (!token) throw new BootstrapError(NOT_JOINED);
  return discoverAuthority(server, token.pin, clock);
}

const NOT_JOINED = 'this node has not joined a cluster yet: give it a --token, made by `porthole token create` on the server';

function keptClient(store: CertificateStore, ca: string, { nodeName, clock }: BootstrapOptions): Promise<CertAndKey | undefined> {
  return store.get('kubelet-client', ca, clock.now(), ({ commonName }) => commonName === USER_NODE_PREFIX + nodeName);
}

/** The first client certificate, asked for with the token. */
async function join(store: CertificateStore, ca: string, token: JoinToken | undefined, options: BootstrapOptions): Promise<CertAndKey> {
  if (!token) throw new BootstrapError(`the certificates of node ${options.nodeName} are missing or have ended: ${NOT_JOINED}`);
  const { server, clock, nodeName, log } = options;
  const transport = httpsTransport({ server, ca, token: `${token.id}.${token.secret}`, clock, userAgent: 'kubelet' });
  try {
    const client = await asNode('kubelet-client', new ApiClient(transport), options);
    // Only now: a refused token must not cost a node the cluster that it is in.
    await store.putAuthority(ca);
    await store.put('kubelet-client', client);
    log.info({ node: nodeName, server }, 'joined the cluster');
    return client;
  } catch (error) {
    if (!isStatus(error, 'Unauthorized')) throw oneLine(error);
    const way = 'make a new one with `porthole token create` on the server';
    throw new BootstrapError(`token ${token.id} is not known to the server or has expired: ${way}`);
  } finally {
    transport.close();
  }
}

async function obtain(
  store: CertificateStore,
  name: CertificateName,
  request: (name: CertificateName) => Promise<CertAndKey>,
): Promise<CertAndKey> {
  const pair = await request(name);
  await store.put(name, pair);
  return pair;
}

function asNode(name: CertificateName, client: ApiClient, { nodeName, nodeIPs, clock }: BootstrapOptions): Promise<CertAndKey> {
  if (name === 'kubelet-client') {
    return requestCertificate({ client, nodeName, signerName: SIGNER_KUBELET_CLIENT, usage: 'client auth', clock });
  }
  const altNames = { dns: [nodeName], ips: nodeIPs };
  return requestCertificate({ client, nodeName, signerName: SIGNER_KUBELET_SERVING, usage: 'server auth', altNames, clock });
}

/** A serving certificate from before the node's address changed is of no use. */
function hasNames({ altNames }: CertificateInfo, nodeIPs: readonly string[]): boolean {
  return nodeIPs.every((ip) => altNames.ips.includes(canonicalIp(ip)));
}

/** What the server or the network did wrong is the person's to know, in its own words; anything else is a defect. */
function oneLine(error: unknown): unknown {
  return error instanceof StatusError ? new BootstrapError(error.message) : error;
}
