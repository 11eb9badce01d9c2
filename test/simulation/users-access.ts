// Who may come in, in a simulation: roles that gather others, tokens that are kept in Secrets, certificates that are asked for, tokens to join with.
import { rfc3339 } from '../../src/apimachinery/clock.js';
import { isStatus } from '../../src/apimachinery/status.js';
import { makeKey, makeSigningRequest } from '../../src/client/certificates.js';
import { BOOTSTRAP_TOKEN_TYPE } from '../../src/client/join-token.js';
import { certificateSigningRequests } from '../../src/kinds/certificates/certificatesigningrequest.js';
import { configMaps } from '../../src/kinds/core/configmap.js';
import { secrets } from '../../src/kinds/core/secret.js';
import { serviceAccounts } from '../../src/kinds/core/serviceaccount.js';
import { clusterRoles } from '../../src/kinds/rbac/clusterrole.js';
import {
  CONFIG_MAP_CLUSTER_INFO,
  GROUP_BOOTSTRAPPERS,
  GROUP_NODES,
  NAMESPACE_PUBLIC,
  NAMESPACE_SYSTEM,
  SIGNER_API_CLIENT,
  SIGNER_KUBELET_CLIENT,
  USER_NODE_PREFIX,
} from '../../src/kinds/wellknown.js';
import { START_ms } from './clock.js';
import type { Planner, Target } from './users.js';

const MERGE = 'application/merge-patch+json';
/** Requests that are answered are kept for an hour, and in the longest of simulations all are to have gone. */
const EARLY_ms = 100_000;

export function planRoles({ random, busy_ms, add, between }: Planner, { name }: Target): void {
  const made_ms = between(0, busy_ms / 2);
  const labels = { gathered: name };
  const rules = (verb: string) => [{ apiGroups: [''], resources: ['pods'], verbs: [verb] }];
  add(made_ms, `make clusterrole ${name} of others`, ({ client }) =>
    client.create(clusterRoles, { metadata: { name }, aggregationRule: { clusterRoleSelectors: [{ matchLabels: labels }] }, rules: [] }),
  );
  for (let i = 0; i < 3; i++) {
    const part = `${name}-${i}`;
    const part_ms = between(0, busy_ms / 2);
    add(part_ms, `make clusterrole ${part}`, ({ client }) =>
      client.create(clusterRoles, { metadata: { name: part, labels }, rules: rules(`verb-${i}`) }),
    );
    const fate = random.below(4);
    const at_ms = between(part_ms, busy_ms);
    if (fate === 0) add(at_ms, `delete clusterrole ${part}`, ({ client }) => client.delete(clusterRoles, { name: part }));
    if (fate === 1)
      add(at_ms, `edit clusterrole ${part}`, ({ client }) => client.patch(clusterRoles, { name: part }, MERGE, { rules: rules('edited') }));
    if (fate === 2)
      add(at_ms, `take clusterrole ${part} out`, ({ client }) =>
        client.patch(clusterRoles, { name: part }, MERGE, { metadata: { labels: { gathered: null } } }),
      );
  }
}

/** An account's token goes with the account. */
export function planToken({ random, busy_ms, add, between, endOf }: Planner, target: Target): void {
  const { namespace, name } = target;
  const made_ms = between(busy_ms / 8, busy_ms / 2);
  add(made_ms, `make serviceaccount ${namespace}/${name}`, ({ client }) => client.create(serviceAccounts, { metadata: target }));
  const metadata = { namespace, name: `${name}-token`, annotations: { 'kubernetes.io/service-account.name': name } };
  add(made_ms + 1, `make its token`, ({ client }) => client.create(secrets, { metadata, type: 'kubernetes.io/service-account-token' }));
  if (random.chance(0.5))
    add(between(made_ms + 1, endOf(namespace)), `delete serviceaccount ${namespace}/${name}`, ({ client }) =>
      client.delete(serviceAccounts, target),
    );
}

interface Asker {
  readonly what: string;
  readonly user: { readonly name: string; readonly groups: readonly string[] };
  readonly subject: { readonly commonName: string; readonly organizations: readonly string[] };
  readonly signerName: string;
}

const authenticated = 'system:authenticated';
const nodeSubject = (node: string) => ({ commonName: `${USER_NODE_PREFIX}${node}`, organizations: [GROUP_NODES] });
const ASKERS: readonly Asker[] = [
  {
    what: 'of a node for itself',
    user: { name: `${USER_NODE_PREFIX}node-0`, groups: [GROUP_NODES, authenticated] },
    subject: nodeSubject('node-0'),
    signerName: SIGNER_KUBELET_CLIENT,
  },
  {
    what: 'of a node that is to join',
    user: { name: 'system:bootstrap:abcdef', groups: [GROUP_BOOTSTRAPPERS, authenticated] },
    subject: nodeSubject('node-9'),
    signerName: SIGNER_KUBELET_CLIENT,
  },
  {
    what: 'of a node for another',
    user: { name: `${USER_NODE_PREFIX}node-0`, groups: [GROUP_NODES, authenticated] },
    subject: nodeSubject('node-1'),
    signerName: SIGNER_KUBELET_CLIENT,
  },
  {
    what: 'of a person',
    user: { name: `${USER_NODE_PREFIX}node-0`, groups: [GROUP_NODES, authenticated] },
    subject: { commonName: 'jane', organizations: ['people'] },
    signerName: SIGNER_API_CLIENT,
  },
];

const requests = new Map<Asker, string>();

/** Once, before any simulation: it takes real time. */
export async function prepareRequests(): Promise<void> {
  for (const asker of ASKERS) requests.set(asker, await makeSigningRequest({ subject: asker.subject, key: makeKey() }));
}

export function planRequest({ random, add, between }: Planner, { name }: Target): void {
  const asker = ASKERS[random.below(ASKERS.length)]!;
  const made_ms = between(0, EARLY_ms);
  add(made_ms, `request ${name} ${asker.what}`, ({ clientOf }) => {
    const request = Buffer.from(requests.get(asker)!).toString('base64');
    const spec = { request, signerName: asker.signerName, usages: ['digital signature', 'client auth'] };
    return clientOf(asker.user).create(certificateSigningRequests, { metadata: { name }, spec } as never);
  });
  if (asker.signerName !== SIGNER_API_CLIENT) return;
  add(between(made_ms, made_ms + EARLY_ms), `approve request ${name}`, async ({ client }) => {
    const csr = await client.get(certificateSigningRequests, { name });
    const conditions = [{ type: 'Approved', status: 'True', reason: 'ByPerson', message: 'known' }];
    try {
      await client.update(certificateSigningRequests, { ...csr, status: { ...csr.status, conditions } } as never, 'approval');
    } catch (error) {
      if (isStatus(error, 'Conflict')) return 'again';
      throw error;
    }
  });
}

/** By a token to join with the cluster's address is signed, for as long as the token lasts. */
export function planBootstrap({ random, busy_ms, add, between }: Planner, _target: Target): void {
  const text = (value: string) => Buffer.from(value).toString('base64');
  const info = { namespace: NAMESPACE_PUBLIC, name: CONFIG_MAP_CLUSTER_INFO };
  const kubeconfig = (server: string) => ({ kubeconfig: `server: ${server}\n` });
  const made_ms = between(0, busy_ms / 2);
  add(made_ms, 'make cluster-info', ({ client }) => client.create(configMaps, { metadata: info, data: kubeconfig('here') }));
  add(between(made_ms, busy_ms), 'move the cluster', ({ client }) => client.patch(configMaps, info, MERGE, { data: kubeconfig('there') }));
  for (const [id, lasts] of [
    ['aaaaaa', false],
    ['bbbbbb', true],
  ] as const) {
    const expires_ms = START_ms + between(busy_ms / 2, busy_ms);
    const data = {
      'token-id': text(id),
      'token-secret': text('0123456789abcdef'),
      'usage-bootstrap-signing': text('true'),
      ...(!lasts && { expiration: text(rfc3339(expires_ms)) }),
    };
    const metadata = { namespace: NAMESPACE_SYSTEM, name: `bootstrap-token-${id}` };
    add(between(0, busy_ms / 2), `make join token ${id}`, ({ client }) =>
      client.create(secrets, { metadata, type: BOOTSTRAP_TOKEN_TYPE, data }),
    );
    if (lasts && random.chance(0.3))
      add(between(busy_ms / 2, busy_ms), `delete join token ${id}`, ({ client }) => client.delete(secrets, metadata));
  }
}
