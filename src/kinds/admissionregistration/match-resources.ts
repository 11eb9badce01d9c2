// What policies and their bindings match. Defaults and validation.
import { duplicate, type FieldError, invalid, notSupported, required } from '../../apimachinery/field.js';
import { validateLabelSelector } from '../../apimachinery/labels.js';
import type { Mutable } from '../define.js';
import type { MatchResources, NamedRuleWithOperations } from '../types/admissionregistration_v1.js';
import { defaultRules, validateRule } from './rules.js';
import { MATCH_POLICIES } from './webhook.js';

export function defaultMatchResources(match: Mutable<MatchResources> | undefined): void {
  if (!match) return;
  match.matchPolicy ??= 'Equivalent';
  match.namespaceSelector ??= {};
  match.objectSelector ??= {};
  defaultRules(match.resourceRules);
  defaultRules(match.excludeResourceRules);
}

export function validateMatchResources(at: string, match: MatchResources): FieldError[] {
  const { matchPolicy = '', resourceRules = [], excludeResourceRules = [] } = match;
  return [
    ...(MATCH_POLICIES.includes(matchPolicy) ? [] : [notSupported(`${at}.matchPolicy`, matchPolicy, MATCH_POLICIES)]),
    ...validateLabelSelector(match.namespaceSelector, `${at}.namespaceSelector`),
    ...validateLabelSelector(match.objectSelector, `${at}.objectSelector`),
    ...resourceRules.flatMap((rule, i) => validateNamedRule(`${at}.resourceRules[${i}]`, rule)),
    ...excludeResourceRules.flatMap((rule, i) => validateNamedRule(`${at}.excludeResourceRules[${i}]`, rule)),
  ];
}

function validateNamedRule(at: string, rule: NamedRuleWithOperations): FieldError[] {
  const names = rule.resourceNames ?? [];
  const wrong = names.flatMap((name, i) => [
    ...pathSegmentErrors(name).map((why) => invalid(`${at}.resourceNames[${i}]`, name, why)),
    ...(names.indexOf(name) < i ? [duplicate(`${at}.resourceNames[${i}]`, name)] : []),
  ]);
  return [...wrong, ...validateRule(at, rule)];
}

/** What a name in a path may not be or have. */
export function pathSegmentErrors(name: string): readonly string[] {
  if (name === '.' || name === '..') return [`may not be '${name}'`];
  return ['/', '%'].filter((character) => name.includes(character)).map((character) => `may not contain '${character}'`);
}

export const missing = (at: string, value: string | undefined): FieldError[] => (value ? [] : [required(at)]);
