// Webhooks and policies whose expressions are checked when they are written: CEL is loaded for the first of them.
import { loadCel } from '../../apimachinery/cel/library.js';
import { mutatingWebhookConfigurations } from '../../kinds/admissionregistration/mutatingwebhookconfiguration.js';
import { validatingAdmissionPolicies } from '../../kinds/admissionregistration/validatingadmissionpolicy.js';
import { validatingWebhookConfigurations } from '../../kinds/admissionregistration/validatingwebhookconfiguration.js';
import type { WebhookConfiguration } from '../../kinds/admissionregistration/webhook.js';
import type { ResourceExtension } from './extension.js';

const load = ({ webhooks = [] }: WebhookConfiguration) =>
  webhooks.some(({ matchConditions = [] }) => matchConditions.length > 0) ? loadCel() : undefined;

export const admissionExpressions: readonly ResourceExtension<never>[] = [
  { kind: mutatingWebhookConfigurations, load },
  { kind: validatingWebhookConfigurations, load },
  { kind: validatingAdmissionPolicies, load: () => loadCel() },
];
