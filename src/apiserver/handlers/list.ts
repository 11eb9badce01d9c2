// GET of a collection: from the watch cache where its state is new enough, page by page from the store otherwise.
import { badRequest, expired, isStatus, StatusError } from '../../apimachinery/status.js';
import { CompactedError, FutureRevisionError } from '../../etcd/backend.js';
import type { Handler, ListResult, ResourceRequest } from '../exchange.js';
import { checkListOptions, countOf, revisionOf } from '../parameters.js';
import { matcherOf } from '../selectors.js';
import type { Matcher } from '../storage/cache-event.js';
import { decodeContinue, encodeContinue, NEWEST } from '../storage/continue-token.js';
import type { StoredObject } from '../storage/stored.js';

/** How many keys a page reads at least: with selectors few of them may match. */
const MIN_RANGE = 500;
const COMPACTED = 'The resourceVersion for the provided list is too old.';
const CONTINUE_COMPACTED =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.';

interface ListQuery {
  readonly prefix: string;
  readonly matches: Matcher | undefined;
  /** 0: no limit. */
  readonly limit: number;
}

export const listHandler: Handler = async (request) => {
  const { exchange, info, resource } = request;
  const { query } = exchange;
  checkListOptions(query);
  const list: ListQuery = {
    prefix: resource.storage.prefixOf(info.namespace),
    matches: matcherOf(resource.kind, query, undefined),
    limit: countOf(query, 'limit') ?? 0,
  };
  const revision = revisionOf(query.get('resourceVersion'));
  const token = query.get('continue');
  if (token) {
    if (revision) throw badRequest('specifying resource version is not allowed when using continue');
    const { revision: at, start } = decodeContinue(token, list.prefix);
    return orGoOn(start, page(request, list, start, at === NEWEST ? await newest(request) : at));
  }
  if (query.get('resourceVersionMatch') === 'Exact') return page(request, list, list.prefix, revision!);
  return fromCache(request, list, revision);
};

async function newest({ resource: { cache } }: ResourceRequest): Promise<number> {
  await cache.fresh();
  return cache.revision;
}

/** As upstream: a client that has come far may go on where it was, in the state of now. */
async function orGoOn(start: string, list: Promise<ListResult>): Promise<ListResult> {
  try {
    return await list;
  } catch (error) {
    if (!isStatus(error, 'Expired')) throw error;
    throw expired(CONTINUE_COMPACTED, encodeContinue({ revision: NEWEST, start }));
  }
}

/** Unset: at least as new as every acknowledged write. 0: whatever the cache has. Else at least that revision. */
async function fromCache(request: ResourceRequest, list: ListQuery, revision: number | undefined): Promise<ListResult> {
  const { resource } = request;
  const { cache } = resource;
  if (revision === undefined) await cache.fresh();
  else await cache.caughtUp(revision);
  const objects = cache.list(list.prefix, list.matches);
  // As upstream, a limit does not count where any state will do.
  if (list.limit === 0 || objects.length <= list.limit || revision === 0) {
    return { type: 'list', resource, objects, resourceVersion: cache.revision };
  }
  const last = objects[list.limit - 1]!.object.metadata;
  const remaining = list.matches ? {} : { remainingItemCount: objects.length - list.limit };
  return {
    type: 'list',
    resource,
    objects: objects.slice(0, list.limit),
    resourceVersion: cache.revision,
    continue: encodeContinue({ revision: cache.revision, start: `${resource.storage.key(last)}\0` }),
    ...remaining,
  };
}

/** A page as of `revision`, read from the store so that the following pages can be of the same revision. */
async function page(request: ResourceRequest, list: ListQuery, start: string, revision: number): Promise<ListResult> {
  const { resource } = request;
  const objects: StoredObject[] = [];
  const wanted = list.limit || Number.POSITIVE_INFINITY;
  for (let next = start; ; ) {
    const size = list.limit === 0 ? 0 : list.matches ? Math.max(list.limit, MIN_RANGE) : list.limit;
    const { kvs, more, count } = await rangeAt(request, list, next, size, revision);
    const decoded = await resource.storage.decodeAll(kvs);
    for (const [index, kv] of kvs.entries()) {
      const object = decoded[index]!;
      if (!list.matches || list.matches(object)) objects.push(object);
      if (objects.length < wanted || (index === kvs.length - 1 && !more)) continue;
      const token = encodeContinue({ revision, start: `${kv.key}\0` });
      // How many follow is known only where each of them counts.
      const remaining = list.matches ? {} : { remainingItemCount: count - index - 1 };
      return { type: 'list', resource, objects, resourceVersion: revision, continue: token, ...remaining };
    }
    if (!more) return { type: 'list', resource, objects, resourceVersion: revision };
    next = `${kvs.at(-1)!.key}\0`;
  }
}

async function rangeAt({ resource }: ResourceRequest, { prefix }: ListQuery, start: string, size: number, revision: number) {
  try {
    return await resource.storage.range(prefix, start, size, revision);
  } catch (error) {
    if (error instanceof CompactedError) throw expired(COMPACTED);
    if (error instanceof FutureRevisionError) {
      throw new StatusError(504, 'Timeout', `Too large resource version: ${revision}`, {
        causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
        retryAfterSeconds: 1,
      });
    }
    throw error;
  }
}
