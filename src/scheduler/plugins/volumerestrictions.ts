// VolumeRestrictions: disks that only one machine can write are not mounted twice on a node, and a ReadWriteOncePod claim has one pod anywhere.
import { persistentVolumeClaims } from '../../kinds/core/persistentvolumeclaim.js';
import { claimNamesOf } from '../../kinds/core/pod-claims.js';
import type { Pod, Volume } from '../../kinds/types/core_v1.js';
import { definePlugin, type NodeInfo, type Snapshot } from '../define.js';
import { type Add, Sums, Tallies } from '../tally.js';

interface State {
  readonly namespace: string | undefined;
  readonly disks: readonly Volume[];
  /** The pod's claims that one pod only may use, and how often others use them. */
  readonly claims: ReadonlySet<string>;
  readonly uses: Sums | undefined;
}

const DISK_CONFLICT = { reasons: ['node(s) had no available disk'] };
const CLAIM_CONFLICT = { reasons: ['node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode'] };
/** One domain: who uses a claim matters, not where. */
const ANYWHERE = 'anywhere';

export const volumeRestrictions = definePlugin<State>({
  name: 'VolumeRestrictions',
  make() {
    const tallies = new Tallies();
    return {
      events: [{ event: 'AssignedPodDelete' }, { event: 'NodeAdd' }, { event: 'StorageChange' }],
      preFilter(pod, snapshot) {
        const disks = (pod.spec.volumes ?? []).filter(isRestricted);
        const claims = exclusiveClaims(pod, snapshot);
        if (disks.length + claims.size === 0) return { skip: true };
        const { namespace } = pod.metadata;
        const count = ({ pods }: NodeInfo, add: Add) => {
          for (const other of pods) countUses(namespace, claims, other, add);
        };
        const signature = JSON.stringify([namespace, ...claims]);
        const uses = claims.size === 0 ? undefined : new Sums(tallies.of(signature, count, snapshot));
        return { state: { namespace, disks, claims, uses } };
      },
      filter(_, node, { disks, uses }) {
        if (disks.length > 0 && node.pods.some(({ spec }) => spec.volumes?.some((there) => disks.some((disk) => collide(disk, there))))) {
          return DISK_CONFLICT;
        }
        return uses && uses.get(ANYWHERE, ANYWHERE) > 0 ? CLAIM_CONFLICT : undefined;
      },
      withPod: (state, other) => changed(state, 1, other),
      withoutPod: (state, other) => changed(state, -1, other),
    };
  },
});

function changed(state: State, sign: 1 | -1, other: Pod): State {
  const { namespace, claims, uses } = state;
  return uses ? { ...state, uses: uses.with(sign, (add) => countUses(namespace, claims, other, add)) } : state;
}

function countUses(namespace: string | undefined, claims: ReadonlySet<string>, other: Pod, add: Add): void {
  if (!other.spec.volumes || other.metadata.namespace !== namespace) return;
  for (const name of claimNamesOf(other)) if (claims.has(name)) add(ANYWHERE, ANYWHERE, 1);
}

function exclusiveClaims(pod: Pod, { storage }: Snapshot): ReadonlySet<string> {
  const { namespace } = pod.metadata;
  const isExclusive = (name: string) =>
    storage.get(persistentVolumeClaims, { namespace, name })?.spec.accessModes?.includes('ReadWriteOncePod') ?? false;
  return new Set(claimNamesOf(pod).filter(isExclusive));
}

const isRestricted = ({ gcePersistentDisk, awsElasticBlockStore, iscsi, rbd }: Volume): boolean =>
  Boolean(gcePersistentDisk ?? awsElasticBlockStore ?? iscsi ?? rbd);

/** The same disk twice; most may be shared by those that only read. */
function collide(one: Volume, other: Volume): boolean {
  if (one.gcePersistentDisk && other.gcePersistentDisk) {
    return one.gcePersistentDisk.pdName === other.gcePersistentDisk.pdName && writes(one.gcePersistentDisk, other.gcePersistentDisk);
  }
  if (one.awsElasticBlockStore && other.awsElasticBlockStore) {
    return one.awsElasticBlockStore.volumeID === other.awsElasticBlockStore.volumeID;
  }
  if (one.iscsi && other.iscsi) return one.iscsi.iqn === other.iscsi.iqn && writes(one.iscsi, other.iscsi);
  if (!one.rbd || !other.rbd) return false;
  const [a, b] = [one.rbd, other.rbd];
  return a.monitors.some((monitor) => b.monitors.includes(monitor)) && a.pool === b.pool && a.image === b.image && writes(a, b);
}

interface Access {
  readonly readOnly?: boolean;
}

const writes = (one: Access, other: Access): boolean => !(one.readOnly && other.readOnly);
