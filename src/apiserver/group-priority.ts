// The order of API groups: upstream's group priorities, by which clients choose among groups that have a resource of the same name.

const CORE_PRIORITY = 18_000;
/** Of custom resources' groups, which come after all others. */
const CUSTOM_PRIORITY = 1000;
const PRIORITIES: { readonly [group: string]: number } = {
  '': CORE_PRIORITY,
  'apiregistration.k8s.io': 18_000,
  apps: 17_800,
  'events.k8s.io': 17_750,
  'authentication.k8s.io': 17_700,
  'authorization.k8s.io': 17_600,
  autoscaling: 17_500,
  batch: 17_400,
  'certificates.k8s.io': 17_300,
  'networking.k8s.io': 17_200,
  policy: 17_100,
  'rbac.authorization.k8s.io': 17_000,
  'storage.k8s.io': 16_800,
  'admissionregistration.k8s.io': 16_700,
  'apiextensions.k8s.io': 16_700,
  'scheduling.k8s.io': 16_600,
  'coordination.k8s.io': 16_500,
  'node.k8s.io': 16_300,
  'discovery.k8s.io': 16_200,
  'flowcontrol.apiserver.k8s.io': 16_100,
  'internal.apiserver.k8s.io': 16_000,
  'resource.k8s.io': 15_900,
  'storagemigration.k8s.io': 15_800,
  // As metrics-server registers it.
  'metrics.k8s.io': 100,
};

/** Groups with higher numbers come first: an APIService's `groupPriorityMinimum`. */
export const groupPriority = (group: string) => (Object.hasOwn(PRIORITIES, group) ? PRIORITIES[group]! : CUSTOM_PRIORITY);
