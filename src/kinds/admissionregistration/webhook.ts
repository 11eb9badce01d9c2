// What mutating and validating webhook configurations share: defaults, validation, and the change of generation.
import { duplicate, type FieldError, invalid, notSupported, required } from '../../apimachinery/field.js';
import { validateLabelSelector } from '../../apimachinery/labels.js';
import { isDns1035Label, isDns1123Subdomain } from '../../apimachinery/names.js';
import type { KubeObject } from '../../apimachinery/object.js';
import { sameJson } from '../checks.js';
import { ageColumn, nameColumn } from '../columns.js';
import type { Column, Mutable } from '../define.js';
import type { MutatingWebhook, ValidatingWebhook } from '../types/admissionregistration_v1.js';
import { defaultClientConfig, validateClientConfig } from './client-config.js';
import { validateMatchConditions } from './match-conditions.js';
import { defaultRules, validateRule } from './rules.js';

const DEFAULT_TIMEOUT_s = 10;
const MAX_TIMEOUT_s = 30;
export const FAILURE_POLICIES = ['Fail', 'Ignore'];
export const MATCH_POLICIES = ['Equivalent', 'Exact'];
const REINVOCATION_POLICIES = ['IfNeeded', 'Never'];
const SIDE_EFFECTS = ['None', 'NoneOnDryRun'];
const REVIEW_VERSIONS = ['v1', 'v1beta1'];

export type Webhook = ValidatingWebhook & Pick<MutatingWebhook, 'reinvocationPolicy'>;

export interface WebhookConfiguration extends KubeObject {
  readonly webhooks?: readonly Webhook[];
}

export const webhookColumns: readonly Column<WebhookConfiguration>[] = [
  nameColumn,
  { name: 'Webhooks', type: 'integer', description: 'How many webhooks it has', cell: ({ webhooks }) => webhooks?.length ?? 0 },
  ageColumn,
];

export function defaultWebhook(webhook: Mutable<Webhook>): void {
  webhook.failurePolicy ??= 'Fail';
  webhook.matchPolicy ??= 'Equivalent';
  webhook.namespaceSelector ??= {};
  webhook.objectSelector ??= {};
  webhook.timeoutSeconds ??= DEFAULT_TIMEOUT_s;
  if (webhook.clientConfig) defaultClientConfig(webhook.clientConfig);
  defaultRules(webhook.rules);
}

export function setFirstGeneration({ metadata }: Mutable<WebhookConfiguration>): void {
  metadata.generation = 1;
}

export function countGeneration(configuration: Mutable<WebhookConfiguration>, old: WebhookConfiguration): void {
  if (!sameJson(configuration.webhooks, old.webhooks)) configuration.metadata.generation = (old.metadata.generation ?? 0) + 1;
}

export function validateWebhooks({ webhooks = [] }: WebhookConfiguration): FieldError[] {
  const names = webhooks.map(({ name }) => name);
  return webhooks.flatMap((webhook, i) => {
    const at = `webhooks[${i}]`;
    const again = webhook.name && names.indexOf(webhook.name) < i ? [duplicate(`${at}.name`, webhook.name)] : [];
    return [
      ...validateWebhook(at, webhook),
      ...validateReviewVersions(`${at}.admissionReviewVersions`, webhook.admissionReviewVersions),
      ...again,
    ];
  });
}

function validateWebhook(at: string, webhook: Webhook): FieldError[] {
  const { name, rules = [], sideEffects, timeoutSeconds } = webhook;
  return [
    ...validateFullyQualifiedName(`${at}.name`, name),
    ...rules.flatMap((rule, i) => validateRule(`${at}.rules[${i}]`, rule)),
    ...oneOf(`${at}.failurePolicy`, webhook.failurePolicy, FAILURE_POLICIES),
    ...oneOf(`${at}.matchPolicy`, webhook.matchPolicy, MATCH_POLICIES),
    ...(sideEffects === undefined ? [required(`${at}.sideEffects`, `must specify one of ${SIDE_EFFECTS.join(', ')}`)] : []),
    ...oneOf(`${at}.sideEffects`, sideEffects, SIDE_EFFECTS),
    ...(timeoutSeconds !== undefined && (timeoutSeconds < 1 || timeoutSeconds > MAX_TIMEOUT_s)
      ? [invalid(`${at}.timeoutSeconds`, timeoutSeconds, `the timeout value must be between 1 and ${MAX_TIMEOUT_s} seconds`)]
      : []),
    ...validateLabelSelector(webhook.namespaceSelector, `${at}.namespaceSelector`),
    ...validateLabelSelector(webhook.objectSelector, `${at}.objectSelector`),
    ...oneOf(`${at}.reinvocationPolicy`, webhook.reinvocationPolicy, REINVOCATION_POLICIES),
    ...validateClientConfig(`${at}.clientConfig`, webhook.clientConfig),
    ...validateMatchConditions(`${at}.matchConditions`, webhook.matchConditions),
  ];
}

const oneOf = (field: string, value: string | undefined, supported: readonly string[]): FieldError[] =>
  value === undefined || supported.includes(value) ? [] : [notSupported(field, value, supported)];

const MIN_SEGMENTS = 3;

function validateFullyQualifiedName(at: string, name: string): FieldError[] {
  if (!name) return [required(at)];
  const wrong = isDns1123Subdomain(name);
  if (wrong.length > 0) return [invalid(at, name, wrong.join(','))];
  if (name.split('.').length >= MIN_SEGMENTS) return [];
  return [invalid(at, name, 'should be a domain with at least three segments separated by dots')];
}

function validateReviewVersions(at: string, versions: readonly string[] = []): FieldError[] {
  if (versions.length === 0) return [required(at, `must specify one of ${REVIEW_VERSIONS.join(', ')}`)];
  const errors = versions.flatMap((version, i) =>
    versions.indexOf(version) < i
      ? [invalid(`${at}[${i}]`, version, 'duplicate version')]
      : isDns1035Label(version).map((why) => invalid(`${at}[${i}]`, version, why)),
  );
  if (!versions.some((version) => REVIEW_VERSIONS.includes(version))) {
    errors.push(invalid(at, versions, `must include at least one of ${REVIEW_VERSIONS.join(', ')}`));
  }
  return errors;
}
