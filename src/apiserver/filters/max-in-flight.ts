// Max in flight: how many requests are worked on at once; the rest are asked to come back.
import { tooManyRequests } from '../../apimachinery/status.js';
import { isConnection, type RequestInfo } from '../request.js';
import type { Filter } from './filter.js';

/** Upstream's defaults of --max-requests-inflight and --max-mutating-requests-inflight. */
export const MAX_READS = 400;
export const MAX_WRITES = 200;
const RETRY_AFTER_S = 1;
const READS: readonly string[] = ['get', 'list', 'head'];

/** Watches and connections last as long as their clients like, so they have bounds of their own. */
function isLongRunning(info: RequestInfo): boolean {
  return (info.isResource && info.verb === 'watch') || isConnection(info);
}

/** 0: no limit. */
export function maxInFlight({ reads = MAX_READS, writes = MAX_WRITES }: { readonly reads?: number; readonly writes?: number }): Filter {
  const limits = { reads: reads || Number.POSITIVE_INFINITY, writes: writes || Number.POSITIVE_INFINITY };
  const inFlight = { reads: 0, writes: 0 };
  const classOf = ({ verb }: RequestInfo) => (READS.includes(verb) ? 'reads' : 'writes');
  return {
    name: 'MaxInFlight',
    inProcess: false,
    enter({ info }) {
      if (isLongRunning(info)) return;
      const class_ = classOf(info);
      if (inFlight[class_] >= limits[class_]) {
        throw tooManyRequests('The server is currently handling too many requests, please try again later.', RETRY_AFTER_S);
      }
      inFlight[class_]++;
    },
    leave({ info }) {
      if (!isLongRunning(info)) inFlight[classOf(info)]--;
    },
  };
}
