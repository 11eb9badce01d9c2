// The kind ValidatingWebhookConfiguration of admissionregistration.k8s.io/v1.
import { defineKind } from '../define.js';
import type { ValidatingWebhookConfiguration } from '../types/admissionregistration_v1.js';
import { countGeneration, defaultWebhook, setFirstGeneration, validateWebhooks, webhookColumns } from './webhook.js';

export const validatingWebhookConfigurations = defineKind<ValidatingWebhookConfiguration>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingWebhookConfiguration',
  plural: 'validatingwebhookconfigurations',
  categories: ['api-extensions'],
  namespaced: false,
  schema: 'admissionregistration.v1.ValidatingWebhookConfiguration',
  columns: webhookColumns,
  defaults({ webhooks }) {
    for (const webhook of webhooks ?? []) defaultWebhook(webhook);
  },
  validate: validateWebhooks,
  prepareForCreate: setFirstGeneration,
  prepareForUpdate: countGeneration,
});
