// The kind MutatingWebhookConfiguration of admissionregistration.k8s.io/v1.
import { defineKind } from '../define.js';
import type { MutatingWebhookConfiguration } from '../types/admissionregistration_v1.js';
import { countGeneration, defaultWebhook, setFirstGeneration, validateWebhooks, webhookColumns } from './webhook.js';

export const mutatingWebhookConfigurations = defineKind<MutatingWebhookConfiguration>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'MutatingWebhookConfiguration',
  plural: 'mutatingwebhookconfigurations',
  categories: ['api-extensions'],
  namespaced: false,
  schema: 'admissionregistration.v1.MutatingWebhookConfiguration',
  columns: webhookColumns,
  defaults({ webhooks }) {
    for (const webhook of webhooks ?? []) {
      defaultWebhook(webhook);
      webhook.reinvocationPolicy ??= 'Never';
    }
  },
  validate: validateWebhooks,
  prepareForCreate: setFirstGeneration,
  prepareForUpdate: countGeneration,
});
