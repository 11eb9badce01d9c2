// Which requests a webhook or a policy is about: its rules, also by way of another version of the resource, and its selectors.
import { type Labels, type Selector, selectorOf } from '../../apimachinery/labels.js';
import type { KubeObject } from '../../apimachinery/object.js';
import { notFound } from '../../apimachinery/status.js';
import type { LabelSelector } from '../../apimachinery/types/meta_v1.js';
import { namespaces } from '../../kinds/core/namespace.js';
import type { NamedRuleWithOperations } from '../../kinds/types/admissionregistration_v1.js';
import type { ApiContext } from '../context.js';
import type { Resource } from '../resources.js';
import type { AdmissionRequest } from './admission.js';
import { lookUp } from './lookup.js';

export interface MatchCriteria {
  readonly rules: readonly NamedRuleWithOperations[];
  readonly excludeRules?: readonly NamedRuleWithOperations[] | undefined;
  readonly matchPolicy?: string | undefined;
  readonly namespaceSelector?: LabelSelector | undefined;
  readonly objectSelector?: LabelSelector | undefined;
}

/** What configures admission is not subject to it, or nobody could mend what refuses everything. */
const EXEMPT = /^(validating|mutating)(webhookconfigurations|admissionpolic(ies|ybindings))$/;

export const isExempt = ({ resource: { kind } }: AdmissionRequest): boolean =>
  kind.group === 'admissionregistration.k8s.io' && EXEMPT.test(kind.plural);

export class RequestMatcher {
  readonly #namespaceSelector: Selector;
  readonly #objectSelector: Selector;

  constructor(private readonly criteria: MatchCriteria) {
    this.#namespaceSelector = selectorOf(criteria.namespaceSelector ?? {});
    this.#objectSelector = selectorOf(criteria.objectSelector ?? {});
  }

  /** The resource in the version that a rule names; undefined where none does. */
  resourceFor(request: AdmissionRequest, { resources }: ApiContext): Resource | undefined {
    const { rules, excludeRules = [], matchPolicy } = this.criteria;
    const direct = request.resource;
    const equivalents = matchPolicy === 'Exact' ? [] : resources.equivalents(direct);
    const versions = [direct, ...equivalents];
    if (excludeRules.some((rule) => versions.some((version) => matchesRule(rule, request, version)))) return undefined;
    if (rules.some((rule) => matchesRule(rule, request, direct))) return direct;
    for (const rule of equivalents.length > 0 ? rules : []) {
      const version = equivalents.find((each) => matchesRule(rule, request, each));
      if (version) return version;
    }
    return undefined;
  }

  /** Throws StatusError 404 where the request's namespace is not there. */
  async selects(request: AdmissionRequest, object: KubeObject | undefined, context: ApiContext): Promise<boolean> {
    if (!this.#objectSelector.empty && !selectsEither(this.#objectSelector, object, request.old)) return false;
    if (this.#namespaceSelector.empty) return true;
    const isNamespace = request.resource.kind === namespaces;
    if (!isNamespace && request.namespace === undefined) return true;
    // Of a namespace that is being written, what it will be counts.
    if (isNamespace && object && !request.subresource) return this.#namespaceSelector.matches(object.metadata.labels);
    return this.#namespaceSelector.matches(await namespaceLabels(context, request.namespace ?? request.name));
  }
}

function selectsEither(selector: Selector, object: KubeObject | undefined, old: KubeObject | undefined): boolean {
  // Options of connections have no metadata, and so no labels to be selected by.
  return [object, old].some((each) => each?.metadata && selector.matches(each.metadata.labels));
}

async function namespaceLabels(context: ApiContext, name: string): Promise<Labels | undefined> {
  const namespace = await lookUp(context, namespaces, { name });
  if (!namespace) throw notFound(namespaces.groupResource, name);
  return namespace.metadata.labels;
}

function matchesRule(rule: NamedRuleWithOperations, request: AdmissionRequest, { kind }: Resource): boolean {
  const { operations, apiGroups, apiVersions, resources, scope, resourceNames } = rule;
  return (
    covers(operations, request.operation) &&
    covers(apiGroups, kind.group) &&
    covers(apiVersions, kind.version) &&
    (resources ?? []).some((each) => matchesResource(each, kind.plural, request.subresource ?? '')) &&
    isInScope(scope, request) &&
    (!resourceNames?.length || resourceNames.includes(request.name))
  );
}

const covers = (list: readonly string[] = [], value: string) => list.some((each) => each === '*' || each === value);

function matchesResource(pattern: string, plural: string, subresource: string): boolean {
  const slash = pattern.indexOf('/');
  const [resource, sub] = slash < 0 ? [pattern, ''] : [pattern.slice(0, slash), pattern.slice(slash + 1)];
  return (resource === '*' || resource === plural) && (sub === '*' || sub === subresource);
}

/** A namespace itself counts as of the cluster's scope. */
function isInScope(scope: string | undefined, { resource, namespace }: AdmissionRequest): boolean {
  if (scope === undefined || scope === '*') return true;
  const isNamespaced = resource.kind !== namespaces && namespace !== undefined;
  return (scope === 'Namespaced') === isNamespaced;
}
