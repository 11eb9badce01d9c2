// The admission plugins, in the order in which they are asked: upstream's. Adding one is one file and one line here.
import type { AdmissionPlugin } from './admission.js';
import { defaultTolerationSeconds } from './default-toleration-seconds.js';
import { limitRanger } from './limit-ranger.js';
import { mutatingWebhook } from './mutating-webhook.js';
import { namespaceLifecycle } from './namespace-lifecycle.js';
import { resourceQuota } from './resource-quota.js';
import { serviceAccount } from './service-account.js';
import { taintNodesByCondition } from './taint-nodes-by-condition.js';
import { validatingWebhook } from './validating-webhook.js';

export const admissionPlugins: readonly AdmissionPlugin[] = [
  namespaceLifecycle,
  limitRanger,
  serviceAccount,
  taintNodesByCondition,
  defaultTolerationSeconds,
  mutatingWebhook,
  validatingWebhook,
  // Last, since what the others still change or refuse must not be charged.
  resourceQuota,
];
