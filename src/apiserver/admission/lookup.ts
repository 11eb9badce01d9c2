// What admission plugins look up in the server's own caches, without a request.
import type { KubeObject, ObjectName } from '../../apimachinery/object.js';
import type { Kind } from '../../kinds/define.js';
import type { ApiContext } from '../context.js';

type Context = Pick<ApiContext, 'resources'>;

/** The cache may not have seen what was made a moment ago: then the store is asked. */
export async function lookUp<T extends KubeObject>({ resources }: Context, kind: Kind<T>, name: ObjectName): Promise<T | undefined> {
  const { cache, storage } = resources.of(kind);
  await cache.ready();
  const stored = cache.get(storage.key(name)) ?? (await storage.get(name));
  return stored?.object as T | undefined;
}

export async function lookUpAll<T extends KubeObject>({ resources }: Context, kind: Kind<T>, namespace?: string): Promise<readonly T[]> {
  const { cache, storage } = resources.of(kind);
  await cache.ready();
  return cache.list(storage.prefixOf(namespace)).map(({ object }) => object as T);
}

/** The one that is marked as default by `annotation`; of several the newest, as upstream. */
export async function lookUpDefault<T extends KubeObject>(context: Context, kind: Kind<T>, annotation: string): Promise<T | undefined> {
  const marked = (await lookUpAll(context, kind)).filter(({ metadata }) => metadata.annotations?.[annotation] === 'true');
  const age = ({ metadata }: T) => metadata.creationTimestamp ?? '';
  return marked.sort((a, b) => (age(a) === age(b) ? (a.metadata.name < b.metadata.name ? -1 : 1) : age(a) > age(b) ? -1 : 1))[0];
}
