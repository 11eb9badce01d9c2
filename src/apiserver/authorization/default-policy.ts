// The default policy: what there is of it is made at start, and what has gone missing from it is put back, as upstream does.
// What the cluster's owner added stays, and an object whose autoupdate annotation says false is left alone.
import { isDeepStrictEqual } from 'node:util';
import type { Draft } from '../../apimachinery/json.js';
import type { KubeObject } from '../../apimachinery/object.js';
import { objectKey } from '../../apimachinery/object.js';
import { isStatus } from '../../apimachinery/status.js';
import type { Client } from '../../client/client.js';
import type { Kind } from '../../kinds/define.js';
import { clusterRoles } from '../../kinds/rbac/clusterrole.js';
import { clusterRoleBindings } from '../../kinds/rbac/clusterrolebinding.js';
import { roles } from '../../kinds/rbac/role.js';
import { roleBindings } from '../../kinds/rbac/rolebinding.js';
import type { PolicyRule, Subject } from '../../kinds/types/rbac_v1.js';
import { NAMESPACE_SYSTEM } from '../../kinds/wellknown.js';
import { CONTROLLER_ADDITIONS, CONTROLLER_ROLES } from './controller-roles.js';
import { covers } from './covers.js';
import { CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES } from './default-roles.js';
import { ANNOTATION_AUTOUPDATE, type DefaultBinding, type DefaultRole, parseBindings, parseRoles } from './policy-text.js';

const CONTROLLER_PREFIX = 'system:controller:';

/** For the whole cluster: roles of controllers, each with its binding, and the rest. */
export function defaultClusterPolicy(): { readonly roles: readonly DefaultRole[]; readonly bindings: readonly DefaultBinding[] } {
  const controllerRoles = parseRoles(CONTROLLER_ROLES, CONTROLLER_PREFIX);
  for (const { metadata, rules } of parseRoles(CONTROLLER_ADDITIONS, CONTROLLER_PREFIX)) {
    controllerRoles.find((role) => role.metadata.name === metadata.name)!.rules.push(...rules);
  }
  const controllerBindings = controllerRoles.map(({ metadata: { name } }) => {
    const account = `sa:${NAMESPACE_SYSTEM}/${name.slice(CONTROLLER_PREFIX.length)}`;
    return `${name} ${name} ${account}`;
  });
  const bindings = parseBindings([CLUSTER_ROLE_BINDINGS, ...controllerBindings].join('\n'), 'ClusterRole');
  return { roles: [...parseRoles(CLUSTER_ROLES), ...controllerRoles], bindings };
}

/** Before requests are served. The store syncs what is made at the same time together. */
export async function reconcileDefaultPolicy(client: Client): Promise<void> {
  const cluster = defaultClusterPolicy();
  await Promise.all([
    reconcile(client, clusterRoles, cluster.roles, mendRole),
    reconcile(client, clusterRoleBindings, cluster.bindings, mendBinding),
    reconcile(client, roles, parseRoles(ROLES), mendRole),
    reconcile(client, roleBindings, parseBindings(ROLE_BINDINGS, 'Role'), mendBinding),
  ]);
}

interface Metadata {
  readonly metadata: DefaultRole['metadata'];
}

async function reconcile<T extends KubeObject, D extends Metadata>(
  client: Client,
  kind: Kind<T>,
  wanted: readonly D[],
  mend: (current: T, wanted: D) => D | undefined,
): Promise<void> {
  const { items } = await client.list(kind);
  const known = new Map(items.map((object) => [objectKey(object), object]));
  await Promise.all(
    wanted.map(async (object) => {
      const current = known.get(objectKey(object as unknown as KubeObject));
      if (!current) return make(client, kind, object);
      if (current.metadata.annotations?.[ANNOTATION_AUTOUPDATE] === 'false') return;
      const mended = mend(current, object);
      if (mended) await put(client, kind, mended);
    }),
  );
}

async function make<T extends KubeObject>(client: Client, kind: Kind<T>, object: object): Promise<void> {
  try {
    await client.create(kind, object as Draft<T>);
  } catch (error) {
    // Another API server of the same cluster was faster.
    if (!isStatus(error, 'AlreadyExists')) throw error;
  }
}

/** A binding to another role than it should be cannot be changed, only made anew. */
async function put<T extends KubeObject>(client: Client, kind: Kind<T>, object: Metadata): Promise<void> {
  const { resourceVersion } = object.metadata as { resourceVersion?: string };
  if (resourceVersion === undefined) await client.delete(kind, object.metadata);
  if (resourceVersion === undefined) return make(client, kind, object);
  try {
    await client.update(kind, object as unknown as Draft<T>);
  } catch (error) {
    if (!isStatus(error, 'Conflict')) throw error;
  }
}

function mendRole(current: KubeObject, wanted: DefaultRole): DefaultRole | undefined {
  const role = current as unknown as DefaultRole;
  const [have, want] = [role.rules ?? [], wanted.rules] as [PolicyRule[], PolicyRule[]];
  // Rules of an aggregated role are its controller's.
  const missing = wanted.aggregationRule ? [] : want.filter((rule) => !covers(have, rule));
  const rules = [...have, ...missing] as DefaultRole['rules'];
  const aggregationRule = wanted.aggregationRule ?? role.aggregationRule;
  return changed(role, { ...role, ...(aggregationRule && { aggregationRule }), rules, metadata: mendMetadata(role, wanted) });
}

function mendBinding(current: KubeObject, wanted: DefaultBinding): DefaultBinding | undefined {
  const binding = current as unknown as DefaultBinding;
  if (!isDeepStrictEqual({ ...binding.roleRef }, wanted.roleRef)) return wanted;
  const have = binding.subjects ?? [];
  const missing = (wanted.subjects ?? []).filter((subject) => !have.some((each) => isSame(each, subject)));
  const subjects = [...have, ...missing];
  return changed(binding, { ...binding, ...(subjects.length > 0 && { subjects }), metadata: mendMetadata(binding, wanted) });
}

const isSame = (a: Subject, b: Subject) => a.kind === b.kind && a.name === b.name && (a.namespace ?? '') === (b.namespace ?? '');

function mendMetadata({ metadata }: Metadata, wanted: Metadata): DefaultRole['metadata'] {
  const labels = { ...wanted.metadata.labels, ...metadata.labels };
  return { ...metadata, labels, annotations: { ...wanted.metadata.annotations, ...metadata.annotations } };
}

const changed = <T extends object>(before: T, after: T) => (isDeepStrictEqual(before, after) ? undefined : after);
