// AuditPolicy: how much of which request is told in the audit log, by the first rule of an audit.k8s.io/v1 Policy that matches.
import { decodeYaml } from '../../apimachinery/codec/yaml.js';
import { isJsonObject, type Json, type JsonObject } from '../../apimachinery/json.js';
import { isDns1123Subdomain } from '../../apimachinery/names.js';
import type { Attributes, ResourceAttributes } from '../authorization/attributes.js';

export const LEVELS = ['None', 'Metadata', 'Request', 'RequestResponse'] as const;
export type Level = (typeof LEVELS)[number];
const STAGES = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const;
export type Stage = (typeof STAGES)[number];

/** What becomes of one request in the log. */
export interface AuditConfig {
  readonly level: Level;
  readonly omitStages: readonly string[];
  readonly omitManagedFields: boolean;
}

interface GroupResources {
  readonly group: string;
  readonly resources: readonly string[];
  readonly resourceNames: readonly string[];
}

interface Rule {
  readonly config: AuditConfig;
  readonly users: readonly string[];
  readonly userGroups: readonly string[];
  readonly verbs: readonly string[];
  readonly namespaces: readonly string[];
  readonly resources: readonly GroupResources[];
  readonly nonResourceURLs: readonly string[];
}

export class AuditPolicy {
  readonly #rules: readonly Rule[];
  /** Of requests that no rule is about. */
  readonly #otherwise: AuditConfig;

  /** Throws an Error that says all that is wrong with the text. */
  constructor(text: string) {
    const reader = new Reader();
    const policy = reader.policy(decodeYaml(Buffer.from(text)));
    if (reader.errors.length > 0) throw new Error(reader.errors.length === 1 ? reader.errors[0] : `[${reader.errors.join(', ')}]`);
    this.#rules = policy.rules;
    this.#otherwise = { level: 'None', omitStages: [], omitManagedFields: false };
  }

  configFor(attributes: Attributes): AuditConfig {
    return this.#rules.find((rule) => matches(rule, attributes))?.config ?? this.#otherwise;
  }
}

function matches(rule: Rule, attributes: Attributes): boolean {
  const { user, verb } = attributes;
  if (rule.users.length > 0 && !rule.users.includes(user.name)) return false;
  if (rule.userGroups.length > 0 && !user.groups.some((group) => rule.userGroups.includes(group))) return false;
  if (rule.verbs.length > 0 && !rule.verbs.includes(verb)) return false;
  if (rule.namespaces.length > 0 || rule.resources.length > 0) return attributes.isResource && matchesResource(rule, attributes);
  if (rule.nonResourceURLs.length === 0) return true;
  return !attributes.isResource && rule.nonResourceURLs.some((pattern) => matchesPath(attributes.path, pattern));
}

const matchesPath = (path: string, pattern: string) =>
  pattern === path || (pattern.endsWith('*') && path.startsWith(pattern.replace(/\*+$/, '')));

function matchesResource({ namespaces, resources }: Rule, attributes: ResourceAttributes): boolean {
  if (namespaces.length > 0 && !namespaces.includes(attributes.namespace ?? '')) return false;
  return resources.length === 0 || resources.some((each) => isAmong(each, attributes));
}

function isAmong({ group, resources, resourceNames }: GroupResources, attributes: ResourceAttributes): boolean {
  if (group !== '*' && group !== attributes.group) return false;
  if (resources.length === 0) return true;
  if (resourceNames.length > 0 && !resourceNames.includes(attributes.name ?? '')) return false;
  const { resource, subresource } = attributes;
  const full = subresource ? `${resource}/${subresource}` : resource;
  return resources.some(
    (each) => each === '*' || each === full || each === `${resource}/*` || (subresource && each === `*/${subresource}`),
  );
}

/** Reads a policy and remembers what is wrong with it, in upstream's words. */
class Reader {
  readonly errors: string[] = [];

  policy(value: Json): { readonly rules: readonly Rule[] } {
    if (!isJsonObject(value) || value['apiVersion'] !== 'audit.k8s.io/v1' || value['kind'] !== 'Policy') {
      this.errors.push('it must be a Policy of audit.k8s.io/v1');
      return { rules: [] };
    }
    const omitStages = this.#stages(value['omitStages'], 'omitStages');
    const omitManagedFields = value['omitManagedFields'] === true;
    const rules = Array.isArray(value['rules']) ? value['rules'] : [];
    if (rules.length === 0) this.errors.push('loaded illegal policy with 0 rules');
    return { rules: rules.map((rule, i) => this.#rule(rule, `rules[${i}]`, { omitStages, omitManagedFields })) };
  }

  #rule(value: Json, at: string, general: Omit<AuditConfig, 'level'>): Rule {
    const rule = isJsonObject(value) ? value : {};
    const omitStages = [...general.omitStages, ...this.#stages(rule['omitStages'], `${at}.omitStages`)];
    const omitManagedFields = typeof rule['omitManagedFields'] === 'boolean' ? rule['omitManagedFields'] : general.omitManagedFields;
    const resources = (Array.isArray(rule['resources']) ? rule['resources'] : []).map((each) => this.#resources(each, `${at}.resources`));
    const nonResourceURLs = this.#urls(rule, at);
    const namespaces = this.#texts(rule, 'namespaces', at);
    if (nonResourceURLs.length > 0 && (resources.length > 0 || namespaces.length > 0)) {
      const why = 'rules cannot apply to both regular resources and non-resource URLs';
      this.errors.push(`${at}.nonResourceURLs: Invalid value: ${JSON.stringify(nonResourceURLs)}: ${why}`);
    }
    return {
      config: { level: this.#level(rule['level'], `${at}.level`), omitStages, omitManagedFields },
      users: this.#texts(rule, 'users', at),
      userGroups: this.#texts(rule, 'userGroups', at),
      verbs: this.#texts(rule, 'verbs', at),
      namespaces,
      resources,
      nonResourceURLs,
    };
  }

  #level(value: Json | undefined, at: string): Level {
    const level = LEVELS.find((each) => each === value);
    if (!value) this.errors.push(`${at}: Required value`);
    else if (!level)
      this.errors.push(`${at}: Unsupported value: ${JSON.stringify(value)}: supported values: ${LEVELS.map(quoted).join(', ')}`);
    return level ?? 'None';
  }

  #stages(value: Json | undefined, at: string): readonly string[] {
    const stages = Array.isArray(value) ? value.map(String) : [];
    for (const [i, stage] of stages.entries()) {
      if ((STAGES as readonly string[]).includes(stage)) continue;
      this.errors.push(`${at}[${i}]: Invalid value: ${quoted(stage)}: allowed stages are ${STAGES.join(',')}`);
    }
    return stages;
  }

  #resources(value: Json, at: string): GroupResources {
    const each = isJsonObject(value) ? value : {};
    const group = typeof each['group'] === 'string' ? each['group'] : '';
    const [resources, resourceNames] = [this.#texts(each, 'resources', at), this.#texts(each, 'resourceNames', at)];
    const wrong = group === '' || group === '*' ? [] : isDns1123Subdomain(group);
    if (wrong.length > 0) this.errors.push(`${at}.group: Invalid value: ${quoted(group)}: ${wrong.join(',')}`);
    if (resourceNames.length > 0 && resources.length === 0) {
      const why = 'using resourceNames requires at least one resource';
      this.errors.push(`${at}.resourceNames: Invalid value: ${JSON.stringify(resourceNames)}: ${why}`);
    }
    return { group, resources, resourceNames };
  }

  #urls(rule: JsonObject, at: string): readonly string[] {
    const urls = this.#texts(rule, 'nonResourceURLs', at);
    for (const [i, url] of urls.entries()) {
      if (url === '*') continue;
      const fail = (why: string) => this.errors.push(`${at}.nonResourceURLs[${i}]: Invalid value: ${quoted(url)}: ${why}`);
      if (!url.startsWith('/')) fail("non-resource URL rules must begin with a '/' character");
      if (url.slice(0, -1).includes('*')) fail("non-resource URL wildcards '*' must be the final character of the rule");
    }
    return urls;
  }

  #texts(from: JsonObject, field: string, at: string): readonly string[] {
    const value = from[field];
    if (value === undefined || value === null) return [];
    if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value;
    this.errors.push(`${at}.${field}: it must be a list of strings`);
    return [];
  }
}

const quoted = (text: string) => JSON.stringify(text);
