// The checks of the level restricted: what a pod has to set to be hardened as is best practice.
import type { Container, PodSpec, Volume } from '../../kinds/types/core_v1.js';
import { type Check, containersOf, containersText, isWindows, namesOf, plural, quoted, settersText, unique } from './check.js';

const allowPrivilegeEscalation: Check = {
  id: 'allowPrivilegeEscalation',
  run({ spec }) {
    if (isWindows(spec)) return undefined;
    const bad = containersOf(spec).filter(({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false);
    if (bad.length === 0) return undefined;
    const detail = `${containersText(namesOf(bad))} must set securityContext.allowPrivilegeEscalation=false`;
    return { reason: 'allowPrivilegeEscalation != false', detail };
  },
};

const capabilities: Check = {
  id: 'capabilities_restricted',
  overrides: ['capabilities_baseline'],
  run({ spec }) {
    if (isWindows(spec)) return undefined;
    const extra = ({ securityContext }: Container) =>
      (securityContext?.capabilities?.add ?? []).filter((each) => each !== 'NET_BIND_SERVICE');
    const keeping = containersOf(spec).filter(({ securityContext }) => !securityContext?.capabilities?.drop?.includes('ALL'));
    const adding = containersOf(spec).filter((container) => extra(container).length > 0);
    const details: string[] = [];
    if (keeping.length > 0) details.push(`${containersText(namesOf(keeping))} must set securityContext.capabilities.drop=["ALL"]`);
    if (adding.length > 0) {
      const added = quoted(unique(adding.flatMap(extra)));
      details.push(`${containersText(namesOf(adding))} must not include ${added} in securityContext.capabilities.add`);
    }
    return details.length > 0 ? { reason: 'unrestricted capabilities', detail: details.join('; ') } : undefined;
  },
};

const VOLUME_TYPES: ReadonlySet<string> = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
]);

const restrictedVolumes: Check = {
  id: 'restrictedVolumes',
  overrides: ['hostPathVolumes'],
  run({ spec }) {
    const type = (volume: Volume) => Object.keys(volume).find((field) => field !== 'name') ?? 'unknown';
    const bad = (spec.volumes ?? []).filter((volume) => !VOLUME_TYPES.has(type(volume)));
    if (bad.length === 0) return undefined;
    const types = unique(bad.map(type));
    const names = `${plural('volume', 'volumes', bad.length)} ${quoted(bad.map(({ name }) => name))}`;
    const use = `${plural('uses', 'use', bad.length)} restricted volume ${plural('type', 'types', types.length)} ${quoted(types)}`;
    return { reason: 'restricted volume types', detail: `${names} ${use}` };
  },
};

const runAsNonRoot: Check = {
  id: 'runAsNonRoot',
  run({ spec }) {
    const pod = spec.securityContext?.runAsNonRoot;
    const containers = containersOf(spec);
    const own = ({ securityContext }: Container) => securityContext?.runAsNonRoot;
    const refusing = containers.filter((container) => own(container) === false);
    if (pod === false || refusing.length > 0) {
      // A pod's own setting counts only for containers without one.
      const podCounts = pod === false && containers.some((container) => own(container) === undefined);
      if (podCounts || refusing.length > 0) {
        const detail = `${settersText(podCounts, namesOf(refusing))} must not set securityContext.runAsNonRoot=false`;
        return { reason: 'runAsNonRoot != true', detail };
      }
    }
    const silent = pod === true ? [] : containers.filter((container) => own(container) === undefined);
    if (silent.length === 0) return undefined;
    return {
      reason: 'runAsNonRoot != true',
      detail: `pod or ${containersText(namesOf(silent))} must set securityContext.runAsNonRoot=true`,
    };
  },
};

const runAsUser: Check = {
  id: 'runAsUser',
  run({ spec }) {
    const pod = spec.securityContext?.runAsUser === 0;
    const bad = containersOf(spec).filter(({ securityContext }) => securityContext?.runAsUser === 0);
    if (!pod && bad.length === 0) return undefined;
    return { reason: 'runAsUser=0', detail: `${settersText(pod, namesOf(bad))} must not set runAsUser=0` };
  },
};

const seccompProfile: Check = {
  id: 'seccompProfile_restricted',
  overrides: ['seccompProfile_baseline'],
  run({ spec }) {
    if (isWindows(spec)) return undefined;
    return refusedProfiles(spec) ?? missingProfiles(spec);
  },
};

const isProfile = (type: string | undefined) => type === 'RuntimeDefault' || type === 'Localhost';
const profileOf = ({ securityContext }: Pick<Container, 'securityContext'>) => securityContext?.seccompProfile?.type;

function refusedProfiles(spec: PodSpec) {
  const pod = spec.securityContext?.seccompProfile?.type;
  const podIsBad = pod !== undefined && !isProfile(pod);
  const bad = containersOf(spec).filter((container) => profileOf(container) !== undefined && !isProfile(profileOf(container)));
  if (!podIsBad && bad.length === 0) return undefined;
  const types = quoted(unique([...(podIsBad ? [pod] : []), ...bad.map((container) => profileOf(container)!)]));
  const detail = `${settersText(podIsBad, namesOf(bad))} must not set securityContext.seccompProfile.type to ${types}`;
  return { reason: 'seccompProfile', detail };
}

function missingProfiles(spec: PodSpec) {
  if (isProfile(spec.securityContext?.seccompProfile?.type)) return undefined;
  const silent = containersOf(spec).filter((container) => profileOf(container) === undefined);
  if (silent.length === 0) return undefined;
  const detail = `pod or ${containersText(namesOf(silent))} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`;
  return { reason: 'seccompProfile', detail };
}

/** By their ids. */
export const restrictedChecks: readonly Check[] = [
  allowPrivilegeEscalation,
  capabilities,
  restrictedVolumes,
  runAsNonRoot,
  runAsUser,
  seccompProfile,
];
