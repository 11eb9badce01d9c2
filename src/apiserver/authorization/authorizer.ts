// The chain of authorisers: the first that allows decides; who allows nothing may give its reason.
import { persistentVolumes } from '../../kinds/core/persistentvolume.js';
import { pods } from '../../kinds/core/pod.js';
import { clusterRoles } from '../../kinds/rbac/clusterrole.js';
import { clusterRoleBindings } from '../../kinds/rbac/clusterrolebinding.js';
import { roles } from '../../kinds/rbac/role.js';
import { roleBindings } from '../../kinds/rbac/rolebinding.js';
import { GROUP_MASTERS } from '../../kinds/wellknown.js';
import type { UserInfo } from '../options.js';
import type { Resources } from '../resources.js';
import { allReady, Following } from '../storage/following.js';
import type { Attributes } from './attributes.js';
import type { Decision } from './decision.js';
import { NodeAuthorizer, nodeOf } from './node.js';
import { NodeGraph } from './node-graph.js';
import { RbacAuthorizer, type UserRules } from './rbac.js';
import { RoleIndex } from './role-index.js';

/** Upstream's --authorization-mode=Node,RBAC, with the group system:masters before both. */
export class Authorizer {
  readonly rbac: RbacAuthorizer;
  readonly #node: NodeAuthorizer;
  readonly #rolesFollowed: readonly Pick<Following<never>, 'ready'>[];
  readonly #graphFollowed: readonly Pick<Following<never>, 'ready'>[];

  constructor(resources: Resources) {
    const index = new RoleIndex();
    this.rbac = new RbacAuthorizer(index);
    this.#rolesFollowed = [
      new Following(resources.of(roles), index.roles(true)),
      new Following(resources.of(clusterRoles), index.roles(false)),
      new Following(resources.of(roleBindings), index.bindings(true)),
      new Following(resources.of(clusterRoleBindings), index.bindings(false)),
    ];
    const graph = new NodeGraph((name) => nodeOfAttachment(resources, name));
    this.#node = new NodeAuthorizer(graph);
    this.#graphFollowed = [
      new Following(resources.of(pods), graph.podIndex()),
      new Following(resources.of(persistentVolumes), graph.volumeIndex()),
    ];
  }

  /** Undefined when it can decide at once about the user, else when it can. */
  ready(user: UserInfo): Promise<void> | undefined {
    if (isMaster(user)) return undefined;
    const roles = allReady(this.#rolesFollowed);
    const graph = nodeOf(user) === undefined ? undefined : allReady(this.#graphFollowed);
    return roles && graph ? Promise.all([roles, graph]).then(() => undefined) : (roles ?? graph);
  }

  /** Call it only when ready. */
  authorize(attributes: Attributes): Decision {
    if (isMaster(attributes.user)) return { allowed: true, reason: '' };
    const node = this.#node.authorize(attributes);
    if (node.allowed) return node;
    const rbac = this.rbac.authorize(attributes);
    if (rbac.allowed || node.reason === '') return rbac;
    return { allowed: false, reason: [node.reason, rbac.reason].filter((reason) => reason !== '').join('\n') };
  }

  /** All that RBAC lets the user do in the namespace; what the Node authoriser adds cannot be listed. */
  async rulesFor(user: UserInfo, namespace: string): Promise<UserRules & { readonly incomplete: boolean }> {
    await allReady(this.#rolesFollowed);
    const rules = this.rbac.rulesFor(user, namespace);
    if (nodeOf(user) === undefined) return { ...rules, incomplete: false };
    return { ...rules, errors: [...rules.errors, 'node authorizer does not support user rule resolution'], incomplete: true };
  }

  /** For who asks about somebody that the request is not from. */
  async decide(attributes: Attributes): Promise<Decision> {
    await this.ready(attributes.user);
    return this.authorize(attributes);
  }
}

export const isMaster = ({ groups }: UserInfo): boolean => groups.includes(GROUP_MASTERS);

function nodeOfAttachment(resources: Resources, name: string): string | undefined {
  const attachments = resources.find('storage.k8s.io', 'v1', 'volumeattachments');
  const stored = attachments?.cache.get(attachments.storage.key({ name }));
  return (stored?.object as { spec?: { nodeName?: string } } | undefined)?.spec?.nodeName;
}
