// The roles and bindings of the cluster, indexed by who is bound: what an RBAC decision reads.
import { type KubeObject, keyOf, objectKey } from '../../apimachinery/object.js';
import { serviceAccountUser } from '../../client/jwt.js';
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding, RoleRef, Subject } from '../../kinds/types/rbac_v1.js';
import type { UserInfo } from '../options.js';
import type { Index } from '../storage/following.js';
import { type CompiledRule, compileRule } from './rules.js';

/** That a binding gives its role to one of its subjects. */
export interface Grant {
  readonly binding: RoleBinding | ClusterRoleBinding;
  readonly subject: Subject;
}

type Binding = RoleBinding | ClusterRoleBinding;
type Grants = Map<string, Grant>;

/** Where bindings of the whole cluster are kept beside those of namespaces, none of which has this name. */
const CLUSTER = '';

export class RoleIndex {
  readonly #roles = new Map<string, readonly CompiledRule[]>();
  /** By namespace, subject and binding. */
  readonly #grants = new Map<string, Map<string, Grants>>();
  readonly #bindings = new Map<string, Binding>();

  /** What is bound to the user, or to a group of theirs, in the whole cluster or in one namespace. */
  *grants(user: UserInfo, namespace: string | undefined): Iterable<Grant> {
    for (const scope of namespace ? [CLUSTER, namespace] : [CLUSTER]) {
      const bySubject = this.#grants.get(scope);
      if (!bySubject) continue;
      const ofUser = bySubject.get(userKey(user.name));
      if (ofUser) yield* ofUser.values();
      for (const group of user.groups) {
        const ofGroup = bySubject.get(groupKey(group));
        if (ofGroup) yield* ofGroup.values();
      }
    }
  }

  /** Undefined where there is no such role. `namespace` is that of the binding. */
  rulesOf({ kind, name }: RoleRef, namespace: string | undefined): readonly CompiledRule[] | undefined {
    return this.#roles.get(kind === 'ClusterRole' ? keyOf({ name }) : keyOf({ namespace, name }));
  }

  /** For one of the two kinds of roles. */
  roles(namespaced: boolean): Index<Role | ClusterRole> {
    return indexOf(
      namespaced,
      this.#roles,
      (role) => this.#roles.set(objectKey(role), (role.rules ?? []).map(compileRule)),
      (key) => this.#roles.delete(key),
    );
  }

  /** For one of the two kinds of bindings. */
  bindings(namespaced: boolean): Index<Binding> {
    return indexOf(
      namespaced,
      this.#bindings,
      (binding) => {
        this.#unbind(objectKey(binding));
        this.#bind(binding);
      },
      (key) => this.#unbind(key),
    );
  }

  #bind(binding: Binding): void {
    const key = objectKey(binding);
    const scope = binding.metadata.namespace ?? CLUSTER;
    this.#bindings.set(key, binding);
    let bySubject = this.#grants.get(scope);
    if (!bySubject) this.#grants.set(scope, (bySubject = new Map()));
    for (const subject of binding.subjects ?? []) {
      const who = subjectKey(subject, scope);
      if (who === undefined) continue;
      let grants = bySubject.get(who);
      if (!grants) bySubject.set(who, (grants = new Map()));
      grants.set(key, { binding, subject });
    }
  }

  #unbind(key: string): void {
    const binding = this.#bindings.get(key);
    if (!binding) return;
    this.#bindings.delete(key);
    const scope = binding.metadata.namespace ?? CLUSTER;
    const bySubject = this.#grants.get(scope);
    for (const subject of binding.subjects ?? []) {
      const who = subjectKey(subject, scope);
      const grants = who === undefined ? undefined : bySubject?.get(who);
      if (grants?.delete(key) && grants.size === 0) bySubject!.delete(who!);
    }
    if (bySubject?.size === 0) this.#grants.delete(scope);
  }
}

/** Both kinds share a map: keys of the namespaced one have a slash. */
function indexOf<T extends KubeObject>(
  namespaced: boolean,
  known: ReadonlyMap<string, unknown>,
  set: (object: T) => void,
  remove: (key: string) => void,
): Index<T> {
  return {
    reset(objects) {
      for (const key of [...known.keys()]) if (key.includes('/') === namespaced) remove(key);
      for (const object of objects) set(object);
    },
    set,
    delete: (object) => remove(objectKey(object)),
  };
}

const userKey = (name: string) => `u:${name}`;
const groupKey = (name: string) => `g:${name}`;

function subjectKey({ kind, name, namespace }: Subject, scope: string): string | undefined {
  if (kind === 'User') return userKey(name);
  if (kind === 'Group') return groupKey(name);
  const of = namespace || scope;
  return kind === 'ServiceAccount' && of ? userKey(serviceAccountUser(of, name)) : undefined;
}
