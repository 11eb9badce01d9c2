// Where a pod's control group is: upstream's hierarchy in the words of the cgroupfs and of the systemd driver. Pure.
import type { QosClass } from '../../../src/kinds/core/pod-qos.js';

export type CgroupDriver = 'cgroupfs' | 'systemd';

/** A group by the names of its ancestors and itself, from the root: `['kubepods', 'burstable', 'pod<uid>']`. */
export type CgroupName = readonly string[];

export const KUBEPODS = 'kubepods';
const POD_PREFIX = 'pod';

/** Those of Guaranteed pods are directly in kubepods. */
export const QOS_GROUPS: { readonly [qos in QosClass]: readonly string[] } = {
  Guaranteed: [],
  Burstable: ['burstable'],
  BestEffort: ['besteffort'],
};

export const kubepods = (cgroupRoot: string): CgroupName => [...cgroupRoot.split('/').filter(Boolean), KUBEPODS];

export const qosCgroup = (cgroupRoot: string, qos: QosClass): CgroupName => [...kubepods(cgroupRoot), ...QOS_GROUPS[qos]];

export const podCgroup = (cgroupRoot: string, qos: QosClass, uid: string): CgroupName => [
  ...qosCgroup(cgroupRoot, qos),
  `${POD_PREFIX}${uid}`,
];

/** The path below a hierarchy's root. Slices nest by their names: `a-b.slice` is in `a.slice`, so a dash in a name has to be another sign. */
export function cgroupPath(name: CgroupName, driver: CgroupDriver): string {
  if (driver === 'cgroupfs') return `/${name.join('/')}`;
  return `/${name.map((_, depth) => sliceOf(name.slice(0, depth + 1))).join('/')}`;
}

/** systemd's unit: `kubepods-burstable-pod<uid>.slice`. */
export const sliceOf = (name: CgroupName): string => `${name.map((part) => part.replaceAll('-', '_')).join('-')}.slice`;

/** As the engine wants a container's parent: a path, or a slice's name alone. */
export const cgroupParent = (name: CgroupName, driver: CgroupDriver): string =>
  driver === 'systemd' ? sliceOf(name) : cgroupPath(name, driver);

/** The pod whose group has this directory's name; undefined: it is no pod's. */
export function podUidOf(directory: string, driver: CgroupDriver): string | undefined {
  if (driver === 'cgroupfs') return directory.startsWith(POD_PREFIX) ? directory.slice(POD_PREFIX.length) : undefined;
  const uid = /-pod([^-]+)\.slice$/.exec(directory)?.[1];
  return uid?.replaceAll('_', '-');
}
