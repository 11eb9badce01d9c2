// The parameters of a watch: from where, for how long, and what of it.
import type { ResourceRequest } from './exchange.js';
import { checkListOptions, countOf, revisionOf } from './parameters.js';
import { isTrue } from './request.js';
import { matcherOf } from './selectors.js';
import type { Matcher } from './storage/cache-event.js';

export interface WatchParameters {
  readonly prefix: string;
  readonly matches: Matcher | undefined;
  /** Go on after it; absent: start with the current state. */
  readonly after: number | undefined;
  /** The state to start with must be at least this new; absent: newer than every write acknowledged so far; 0: any. */
  readonly atLeast: number | undefined;
  readonly bookmarks: boolean;
  readonly initialEventsEnd: boolean;
  /** Absent: the server chooses. */
  readonly timeout_ms: number | undefined;
}

/** Throws StatusError 400 or 422. */
export function watchParameters({ exchange, info, resource }: ResourceRequest): WatchParameters {
  const { query } = exchange;
  checkListOptions(query, true);
  const revision = revisionOf(query.get('resourceVersion'));
  const initialEvents = query.has('sendInitialEvents') ? isTrue(query.get('sendInitialEvents')) : undefined;
  const startWithState = initialEvents ?? !revision;
  const bookmarks = isTrue(query.get('allowWatchBookmarks'));
  const timeout_s = countOf(query, 'timeoutSeconds');
  return {
    prefix: resource.storage.prefixOf(info.namespace),
    matches: matcherOf(resource.kind, query, info.name),
    after: startWithState ? undefined : revision,
    atLeast: revision,
    bookmarks,
    initialEventsEnd: initialEvents === true && bookmarks,
    timeout_ms: timeout_s ? timeout_s * 1000 : undefined,
  };
}
