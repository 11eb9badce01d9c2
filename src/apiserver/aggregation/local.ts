// Local APIServices: one for each group version that this server serves itself, kept as those come and go.
import { isStatus } from '../../apimachinery/status.js';
import { compareVersions } from '../../apimachinery/version-order.js';
import type { Client } from '../../client/client.js';
import { apiServices } from '../../kinds/apiregistration/apiservice.js';
import { kinds } from '../../kinds/index.js';
import type { APIService } from '../../kinds/types/apiregistration_v1.js';
import { groupPriority } from '../group-priority.js';
import type { Resources } from '../resources.js';

const LABEL_MANAGED = 'kube-aggregator.kubernetes.io/automanaged';
/** Of the core group, of built-in groups, and of custom ones: upstream's. */
const VERSION_PRIORITY = { core: 1, builtIn: 15, custom: 100 };

const builtIn = new Set(kinds.map(({ group, version }) => `${version}.${group}`));

export async function reconcileLocalServices(client: Client, resources: Resources): Promise<void> {
  const wanted = wantedServices(resources);
  const { items } = await client.list(apiServices);
  const present = new Set(items.map(({ metadata }) => metadata.name));
  const stale = items.filter(({ metadata }) => metadata.labels?.[LABEL_MANAGED] && !wanted.has(metadata.name));
  await Promise.all([
    ...[...wanted].filter(([name]) => !present.has(name)).map(([name, spec]) => make(client, name, spec)),
    ...stale.map(({ metadata }) => remove(client, metadata.name)),
  ]);
}

function wantedServices(resources: Resources): ReadonlyMap<string, APIService['spec']> {
  const versions = new Map<string, Set<string>>();
  for (const { kind } of resources.all()) versions.set(kind.group, (versions.get(kind.group) ?? new Set()).add(kind.version));
  const wanted = new Map<string, APIService['spec']>();
  for (const [group, all] of versions) {
    const sorted = [...all].sort((a, b) => compareVersions(a, b));
    for (const [rank, version] of sorted.entries()) {
      const name = `${version}.${group}`;
      const base = group === '' ? VERSION_PRIORITY.core : builtIn.has(name) ? VERSION_PRIORITY.builtIn : VERSION_PRIORITY.custom;
      wanted.set(name, { group, version, groupPriorityMinimum: groupPriority(group), versionPriority: base + rank });
    }
  }
  return wanted;
}

async function make(client: Client, name: string, spec: APIService['spec']): Promise<void> {
  const labels = { [LABEL_MANAGED]: builtIn.has(name) ? 'onstart' : 'true' };
  try {
    await client.create(apiServices, { metadata: { name, labels }, spec });
  } catch (error) {
    // Another API server of the same cluster was faster.
    if (!isStatus(error, 'AlreadyExists')) throw error;
  }
}

async function remove(client: Client, name: string): Promise<void> {
  try {
    await client.delete(apiServices, { name });
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error;
  }
}
