// The admission plugins, in the order in which they are asked: upstream's. Adding one is one file and one line here.
import type { AdmissionPlugin } from './admission.js';
import { alwaysPullImages } from './always-pull-images.js';
import { certificateApproval, certificateSigning, certificateSubjectRestriction } from './certificates.js';
import { defaultIngressClass } from './default-ingress-class.js';
import { defaultStorageClass } from './default-storage-class.js';
import { defaultTolerationSeconds } from './default-toleration-seconds.js';
import { denyServiceExternalIPs } from './deny-service-external-ips.js';
import { extendedResourceToleration } from './extended-resource-toleration.js';
import { limitPodHardAntiAffinityTopology } from './limit-pod-hard-anti-affinity-topology.js';
import { limitRanger } from './limit-ranger.js';
import { mutatingWebhook } from './mutating-webhook.js';
import { namespaceAutoProvision } from './namespace-auto-provision.js';
import { namespaceLifecycle } from './namespace-lifecycle.js';
import { nodeRestriction } from './node-restriction.js';
import { persistentVolumeClaimResize } from './persistent-volume-claim-resize.js';
import { podSecurity } from './pod-security.js';
import { priority } from './priority.js';
import { resourceQuota } from './resource-quota.js';
import { runtimeClass } from './runtime-class.js';
import { serviceAccount } from './service-account.js';
import { storageObjectInUseProtection } from './storage-object-in-use-protection.js';
import { taintNodesByCondition } from './taint-nodes-by-condition.js';
import { validatingAdmissionPolicy } from './validating-admission-policy.js';
import { validatingWebhook } from './validating-webhook.js';

export const admissionPlugins: readonly AdmissionPlugin[] = [
  namespaceAutoProvision,
  namespaceLifecycle,
  limitPodHardAntiAffinityTopology,
  limitRanger,
  serviceAccount,
  nodeRestriction,
  taintNodesByCondition,
  alwaysPullImages,
  podSecurity,
  priority,
  defaultTolerationSeconds,
  extendedResourceToleration,
  defaultStorageClass,
  storageObjectInUseProtection,
  persistentVolumeClaimResize,
  runtimeClass,
  certificateApproval,
  certificateSigning,
  certificateSubjectRestriction,
  defaultIngressClass,
  denyServiceExternalIPs,
  mutatingWebhook,
  validatingAdmissionPolicy,
  validatingWebhook,
  // Last, since what the others still change or refuse must not be charged.
  resourceQuota,
];

/** Those that are there only for who asks for them with `--enable-admission-plugins`. */
export const optionalPlugins: readonly AdmissionPlugin[] = [
  namespaceAutoProvision,
  limitPodHardAntiAffinityTopology,
  alwaysPullImages,
  extendedResourceToleration,
  denyServiceExternalIPs,
];
