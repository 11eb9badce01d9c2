// VolumeZone: a pod goes to the zone and region that its volumes' labels name.
import { persistentVolumes } from '../../kinds/core/persistentvolume.js';
import { persistentVolumeClaims } from '../../kinds/core/persistentvolumeclaim.js';
import { claimNamesOf } from '../../kinds/core/pod-claims.js';
import { storageClassOf, waitsForConsumer } from '../../kinds/core/volume-binding.js';
import { storageClasses } from '../../kinds/storage/storageclass.js';
import type { PersistentVolumeClaim } from '../../kinds/types/core_v1.js';
import { definePlugin, type Snapshot } from '../define.js';

/** A label of a volume: the node's must be one of its values. */
interface Topology {
  readonly key: string;
  readonly values: readonly string[];
}

/** Today's label -> how it was once called. */
const FORMER = new Map([
  ['topology.kubernetes.io/zone', 'failure-domain.beta.kubernetes.io/zone'],
  ['topology.kubernetes.io/region', 'failure-domain.beta.kubernetes.io/region'],
]);
const KEYS = [...FORMER].flat();
/** Between the zones of a volume that is in several. */
const SEPARATOR = '__';
const REFUSAL = { reasons: ['node(s) had no available volume zone'], unresolvable: true };

export const volumeZone = definePlugin<readonly Topology[]>({
  name: 'VolumeZone',
  make: () => ({
    events: [{ event: 'NodeAdd' }, { event: 'NodeUpdate' }, { event: 'StorageChange' }],
    preFilter(pod, { storage }) {
      const state: Topology[] = [];
      for (const name of claimNamesOf(pod)) {
        const claim = storage.get(persistentVolumeClaims, { namespace: pod.metadata.namespace, name });
        const found = claim ? topologiesOf(claim, storage) : `persistentvolumeclaim "${name}" not found`;
        if (typeof found === 'string') return { refused: found, unresolvable: true };
        state.push(...found);
      }
      return state.length === 0 ? { skip: true } : { state };
    },
    filter(_, { node }, topologies) {
      const labels = node.metadata.labels ?? {};
      // A node outside all zones is asked nothing.
      if (KEYS.every((key) => labels[key] === undefined)) return undefined;
      const fits = ({ key, values }: Topology) => {
        const value = labels[key] ?? labels[otherName(key)];
        return value !== undefined && values.includes(value);
      };
      return topologies.every(fits) ? undefined : REFUSAL;
    },
  }),
});

const otherName = (key: string): string => FORMER.get(key) ?? [...FORMER].find(([, former]) => former === key)?.[0] ?? key;

function topologiesOf(claim: PersistentVolumeClaim, storage: Snapshot['storage']): readonly Topology[] | string {
  const { volumeName } = claim.spec;
  if (!volumeName) {
    const className = storageClassOf(claim);
    if (!className) return 'PersistentVolumeClaim had no pv name and storageClass name';
    const storageClass = storage.get(storageClasses, { name: className });
    if (!storageClass) return `storageclass.storage.k8s.io "${className}" not found`;
    // What it will be bound to is chosen for the node, not the node for it.
    return waitsForConsumer(storageClass) ? [] : 'PersistentVolume had no name';
  }
  const volume = storage.get(persistentVolumes, { name: volumeName });
  if (!volume) return `persistentvolume "${volumeName}" not found`;
  return KEYS.flatMap((key) => {
    const value = volume.metadata.labels?.[key];
    return value === undefined ? [] : [{ key, values: value.split(SEPARATOR) }];
  });
}
