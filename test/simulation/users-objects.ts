// What users have in a simulation beside workloads: objects that own others, of kinds of their own too, volumes, quotas, and Services that lead
// elsewhere or are reached from outside.
import type { Client } from '../../src/client/client.js';
import { servedKind } from '../../src/kinds/apiextensions/served-kind.js';
import { configMaps } from '../../src/kinds/core/configmap.js';
import { endpoints } from '../../src/kinds/core/endpoints.js';
import { persistentVolumeClaims } from '../../src/kinds/core/persistentvolumeclaim.js';
import { pods } from '../../src/kinds/core/pod.js';
import { resourceQuotas } from '../../src/kinds/core/resourcequota.js';
import { services } from '../../src/kinds/core/service.js';
import { serviceAccounts } from '../../src/kinds/core/serviceaccount.js';
import type { AnyKind } from '../../src/kinds/define.js';
import { LABEL_OWN, type Planner, type Target } from './users.js';
import { createOnce, template } from './users-workloads.js';

const MERGE = 'application/merge-patch+json';
const NAMES = { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' };
const ESTABLISHED = { conditions: [{ type: 'Established', status: 'True' }], acceptedNames: NAMES, storedVersions: ['v1'] };

/** A kind of the users' own, which every cluster begins with. */
export const WIDGETS_DEFINITION = {
  metadata: { name: 'widgets.simulation.example.com' },
  spec: {
    group: 'simulation.example.com',
    scope: 'Namespaced',
    names: NAMES,
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
  },
};
export const widgets: AnyKind = servedKind({ ...WIDGETS_DEFINITION, status: ESTABLISHED } as never)!;

/** One that owns others, one of these with a second owner, and one that owns one more; then the first is deleted. */
export function planOwners({ random, busy_ms, add, between, endOf }: Planner, { namespace, name }: Target): void {
  const pair = random.chance(0.5) ? [configMaps, widgets] : [widgets, configMaps];
  const [parent, child] = pair as [AnyKind, AnyKind];
  const end_ms = endOf(namespace);
  const made_ms = between(busy_ms / 8, busy_ms / 2);
  const blockOwnerDeletion = random.chance(0.5);
  const own = async (client: Client, kind: AnyKind, called: string, owners: readonly (readonly [AnyKind, string])[]) => {
    const found = await Promise.all(owners.map(([of, owner]) => client.get(of, { namespace, name: owner })));
    const ownerReferences = found.map(({ apiVersion, kind, metadata }) => {
      return { apiVersion, kind, name: metadata.name, uid: metadata.uid, blockOwnerDeletion };
    });
    await client.create(kind, { metadata: { namespace, name: called, ownerReferences } });
  };
  const staying = `${name}-stays`;
  add(made_ms, `make ${parent.singular} ${namespace}/${name} with what it owns`, async ({ client }) => {
    await client.create(parent, { metadata: { namespace, name } });
    await client.create(parent, { metadata: { namespace, name: staying } });
    await own(client, child, `${name}-child`, [[parent, name]]);
    await own(client, child, `${name}-shared`, [
      [parent, name],
      [parent, staying],
    ]);
    await own(client, parent, `${name}-grandchild`, [[child, `${name}-child`]]);
  });
  const propagationPolicy = (['Foreground', 'Background', 'Orphan'] as const)[random.below(3)]!;
  add(between(made_ms + 1, end_ms), `delete ${parent.singular} ${namespace}/${name} ${propagationPolicy}`, ({ client }) =>
    client.delete(parent, { namespace, name }, { propagationPolicy }),
  );
}

/** A pod of its own that keeps something and has something for itself; what it keeps grows, and may be thrown away. */
export function planVolume({ random, busy_ms, add, between }: Planner, { name }: Target): void {
  const namespace = 'default';
  const target = { namespace, name };
  const claim = (storage: string) => ({ accessModes: ['ReadWriteOnce'], resources: { requests: { storage } } });
  const made_ms = between(busy_ms / 8, busy_ms / 2);
  add(made_ms, `make claim ${namespace}/${name}`, ({ client }) =>
    client.create(persistentVolumeClaims, { metadata: target, spec: claim('1Gi') } as never),
  );
  const volumes = [
    { name: 'kept', persistentVolumeClaim: { claimName: name } },
    { name: 'own', ephemeral: { volumeClaimTemplate: { spec: claim('1Gi') } } },
  ];
  const { spec } = template(name, 'runs:1', {
    volumes,
    // On a node that stays, whatever becomes of the node.
    nodeSelector: { 'kubernetes.io/hostname': 'node-0' },
    tolerations: [{ operator: 'Exists' }],
  });
  const metadata = { ...target, labels: { [LABEL_OWN]: 'yes' } };
  add(made_ms + 1, `make pod ${namespace}/${name} with claims`, ({ client }) => createOnce(client, pods, { metadata, spec } as never));
  add(between(made_ms, busy_ms), `grow claim ${namespace}/${name}`, async ({ client }) => {
    if ((await client.get(persistentVolumeClaims, target)).status.phase !== 'Bound') return 'again';
    return client.patch(persistentVolumeClaims, target, MERGE, { spec: { resources: { requests: { storage: '2Gi' } } } });
  });
  if (!random.chance(0.5)) return;
  add(between(made_ms, busy_ms), `delete claim ${namespace}/${name}, then its pod`, async ({ client }) => {
    const { items } = await client.list(pods, { namespace, fieldSelector: `metadata.name=${name}` });
    if (items.length === 0) return 'again';
    await client.delete(persistentVolumeClaims, target);
    return client.delete(pods, target);
  });
}

export function planQuota({ busy_ms, add, between }: Planner, target: Target): void {
  const hard = { pods: '100', 'requests.cpu': '100', configmaps: '50', services: '50', 'count/widgets.simulation.example.com': '50' };
  const made_ms = between(0, busy_ms / 2);
  add(made_ms, `make quota ${target.namespace}/${target.name}`, ({ client }) =>
    client.create(resourceQuotas, { metadata: target, spec: { hard } } as never),
  );
  const more = { ...hard, pods: '200' };
  add(between(made_ms, busy_ms), `raise quota ${target.namespace}/${target.name}`, ({ client }) =>
    client.patch(resourceQuotas, target, MERGE, { spec: { hard: more } }),
  );
}

/** A Service whose endpoints somebody keeps by hand. */
export function planRemote({ random, busy_ms, add, between, endOf }: Planner, target: Target): void {
  const of = `${target.namespace}/${target.name}`;
  const made_ms = between(busy_ms / 8, busy_ms / 2);
  const subsets = (count: number) => [
    { addresses: Array.from({ length: count }, (_, i) => ({ ip: `198.51.100.${i + 1}` })), ports: [{ port: 80 }] },
  ];
  add(made_ms, `make service ${of} without a selector`, ({ client }) =>
    client.create(services, { metadata: target, spec: { ports: [{ port: 80 }] } } as never),
  );
  add(between(made_ms, made_ms + busy_ms / 8), `make endpoints ${of}`, ({ client }) =>
    client.create(endpoints, { metadata: target, subsets: subsets(2) }),
  );
  const count = 1 + random.below(5);
  const edited_ms = between(made_ms + busy_ms / 8, endOf(target.namespace));
  add(edited_ms, `edit endpoints ${of}`, ({ client }) => client.patch(endpoints, target, MERGE, { subsets: subsets(count) }));
  const fate = random.below(3);
  if (fate < 2)
    add(between(edited_ms, endOf(target.namespace)), `delete ${fate === 0 ? 'service' : 'endpoints'} ${of}`, ({ client }) =>
      client.delete((fate === 0 ? services : endpoints) as AnyKind, target),
    );
}

/** Of two that want the same port the second may have it once the first has gone. */
export function planBalanced({ random, busy_ms, add, between, endOf }: Planner, { namespace, name }: Target): void {
  const first_ms = between(busy_ms / 8, busy_ms / 4);
  const make = (called: string, at_ms: number) =>
    add(at_ms, `make load balancer ${namespace}/${called}`, ({ client }) => {
      const spec = { type: 'LoadBalancer', selector: { app: called }, ports: [{ port: 8080 }] };
      return client.create(services, { metadata: { namespace, name: called }, spec } as never);
    });
  make(name, first_ms);
  make(`${name}-second`, between(first_ms + 1_000, endOf(namespace)));
  if (random.chance(0.5))
    add(between(busy_ms / 2, busy_ms), `delete load balancer ${namespace}/${name}`, ({ client }) =>
      client.delete(services, { namespace, name }),
    );
}

/** What each namespace has by itself is made again. */
export function planPublished({ random, busy_ms, add, between }: Planner, { namespace }: Target): void {
  const [kind, name] = random.chance(0.5) ? [configMaps as AnyKind, 'kube-root-ca.crt'] : [serviceAccounts as AnyKind, 'default'];
  add(between(busy_ms / 8, busy_ms), `delete ${kind.singular} ${namespace}/${name}`, ({ client }) =>
    client.delete(kind, { namespace, name }),
  );
}
