// The Node authoriser: a kubelet may do what the node rules say, and see of secrets, config maps, volumes and pods only what the
// pods on its own node need.
import { GROUP_NODES, NAMESPACE_NODE_LEASE, USER_NODE_PREFIX } from '../../kinds/wellknown.js';
import type { UserInfo } from '../options.js';
import type { Attributes, ResourceAttributes } from './attributes.js';
import { type Decision, NO_OPINION } from './decision.js';
import { NODE_RULES } from './default-roles.js';
import type { NodeGraph } from './node-graph.js';
import { parseRules } from './policy-text.js';
import { type CompiledRule, compileRule } from './rules.js';

/** The node whose kubelet the user is; undefined for anybody else. */
export function nodeOf({ name, groups }: UserInfo): string | undefined {
  return name.startsWith(USER_NODE_PREFIX) && groups.includes(GROUP_NODES) ? name.slice(USER_NODE_PREFIX.length) : undefined;
}

const ALLOW: Decision = { allowed: true, reason: '' };
const deny = (reason: string): Decision => ({ allowed: false, reason });
const OWN_VERBS = ['get', 'create', 'update', 'patch', 'delete'];
const READ = ['get', 'list', 'watch'];

export class NodeAuthorizer {
  readonly #rules: readonly CompiledRule[] = parseRules(NODE_RULES).map(compileRule);

  constructor(private readonly graph: NodeGraph) {}

  authorize(attributes: Attributes): Decision {
    const node = nodeOf(attributes.user);
    if (node === undefined) return NO_OPINION;
    if (node === '') return deny(`unknown node for user ${JSON.stringify(attributes.user.name)}`);
    const special = attributes.isResource ? this.#special(node, attributes) : undefined;
    if (special) return special;
    return this.#rules.some((rule) => rule.allows(attributes)) ? ALLOW : NO_OPINION;
  }

  /** Undefined for resources of which every node may see the same. */
  #special(node: string, a: ResourceAttributes): Decision | undefined {
    switch (a.group ? `${a.resource}.${a.group}` : a.resource) {
      case 'secrets':
      case 'configmaps':
        return this.#read(node, a);
      case 'persistentvolumeclaims':
        return a.subresource === 'status' ? this.#updateStatus(node, a) : this.#get(node, a);
      case 'persistentvolumes':
      case 'volumeattachments.storage.k8s.io':
      case 'resourceclaims.resource.k8s.io':
        return this.#get(node, a);
      case 'serviceaccounts':
        return this.#createToken(node, a);
      case 'leases.coordination.k8s.io':
        return ownLease(node, a);
      case 'csinodes.storage.k8s.io':
        return ownCsiNode(node, a);
      case 'nodes':
        return ownNode(node, a);
      case 'pods':
        return this.#ownPods(node, a);
      default:
        return undefined;
    }
  }

  #related(node: string, a: ResourceAttributes): Decision {
    if (!a.name) return deny('No Object name found');
    if (this.graph.isRelated(node, a.resource, a.namespace, a.name)) return ALLOW;
    return deny(`no relationship found between node '${node}' and this object`);
  }

  #read(node: string, a: ResourceAttributes): Decision {
    if (!READ.includes(a.verb)) return deny('can only read resources of this type');
    if (a.subresource) return deny('cannot read subresource');
    if (!a.namespace) return deny('can only read namespaced object of this type');
    return this.#related(node, a);
  }

  #get(node: string, a: ResourceAttributes): Decision {
    if (a.verb !== 'get') return deny('can only get individual resources of this type');
    if (a.subresource) return deny('cannot get subresource');
    return this.#related(node, a);
  }

  #updateStatus(node: string, a: ResourceAttributes): Decision {
    if (a.verb !== 'update' && a.verb !== 'patch') return deny('can only get/update/patch this type');
    return this.#related(node, a);
  }

  #createToken(node: string, a: ResourceAttributes): Decision {
    if (a.verb !== 'create' || !a.name) return deny('can only create tokens for individual service accounts');
    if (a.subresource !== 'token') return deny('can only create token subresource of serviceaccount');
    return this.#related(node, a);
  }

  /** What is written to a pod is NodeRestriction's to check: here only its name is known. */
  #ownPods(node: string, a: ResourceAttributes): Decision {
    switch (a.subresource ?? '') {
      case '':
        if (a.verb === 'create' || a.verb === 'delete') return ALLOW;
        if (a.verb === 'get') return this.#get(node, a);
        if (a.verb !== 'list' && a.verb !== 'watch') return NO_OPINION;
        if (a.fields?.get('spec.nodeName') === node) return ALLOW;
        return a.name ? this.#related(node, a) : deny('can only list/watch pods with spec.nodeName field selector');
      case 'status':
        return a.verb === 'update' || a.verb === 'patch' ? ALLOW : NO_OPINION;
      case 'eviction':
        return a.verb === 'create' ? ALLOW : NO_OPINION;
      default:
        return NO_OPINION;
    }
  }
}

function ownLease(node: string, { verb, namespace, name }: ResourceAttributes): Decision {
  if (!OWN_VERBS.includes(verb)) return deny('can only get, create, update, patch, or delete a node lease');
  if (namespace !== NAMESPACE_NODE_LEASE) return deny(`can only access leases in the "${NAMESPACE_NODE_LEASE}" system namespace`);
  if (verb !== 'create' && name !== node) return deny('can only access node lease with the same name as the requesting node');
  return ALLOW;
}

function ownCsiNode(node: string, { verb, subresource, name }: ResourceAttributes): Decision {
  if (!OWN_VERBS.includes(verb)) return deny('can only get, create, update, patch, or delete a CSINode');
  if (subresource) return deny('cannot authorize CSINode subresources');
  if (verb !== 'create' && name !== node) return deny('can only access CSINode with the same name as the requesting node');
  return ALLOW;
}

function ownNode(node: string, { verb, subresource, name }: ResourceAttributes): Decision {
  if (subresource === 'status') return verb === 'update' || verb === 'patch' ? ALLOW : NO_OPINION;
  if (subresource) return NO_OPINION;
  if (verb === 'create' || verb === 'update' || verb === 'patch') return ALLOW;
  if (!READ.includes(verb)) return NO_OPINION;
  if (name === node) return ALLOW;
  if (!name) return deny(`node '${node}' cannot read all nodes, only its own Node object`);
  return deny(`node '${node}' cannot read '${name}', only its own Node object`);
}
