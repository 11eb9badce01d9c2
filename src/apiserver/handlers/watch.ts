// GET of a collection with watch=true: what to watch; the transport then opens it with a sink of its own.
import type { Clock } from '../../apimachinery/clock.js';
import type { Handler, WatchResult } from '../exchange.js';
import type { WatchSink } from '../storage/watchers.js';
import { watchParameters } from '../watch-parameters.js';

/** As upstream's --min-request-timeout: watches last between this and twice this, so that they do not all end at once. */
const MIN_TIMEOUT_MS = 1_800_000;

export const watchHandler: Handler = async (request) => {
  const parameters = watchParameters(request);
  const { cache } = request.resource;
  // What can fail before the stream begins fails here, with a Status of its own.
  if (parameters.after !== undefined) await cache.ready();
  else if (parameters.atLeast === undefined) await cache.fresh();
  else await cache.caughtUp(parameters.atLeast);
  return { type: 'watch', resource: request.resource, parameters };
};

/** Starts telling `sink`; returns how to stop. `spread` in [0, 1) spreads the end of watches that chose no timeout. */
export function openWatch({ resource, parameters }: WatchResult, sink: WatchSink, clock: Clock, spread: number): () => void {
  const { prefix, matches, after, bookmarks, initialEventsEnd } = parameters;
  const start = { prefix, matches, bookmarks, initialEventsEnd };
  const watch = resource.cache.watch(after === undefined ? start : { ...start, after }, sink);
  const timer = clock.after(parameters.timeout_ms ?? MIN_TIMEOUT_MS * (1 + spread), () => {
    watch.cancel();
    if (bookmarks) sink.bookmark(resource.cache.revision, false);
    sink.end();
  });
  return () => {
    timer.cancel();
    watch.cancel();
  };
}
