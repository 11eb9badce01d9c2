// pods/decisions: why a pod is where it is, or where one would go that is not there; told by the scheduler that runs beside this server.
import { isStatus, notFound, serviceUnavailable } from '../../apimachinery/status.js';
import type { PodDecisions } from '../../client/pod-decisions.js';
import { leases } from '../../kinds/coordination/lease.js';
import type { Lease } from '../../kinds/types/coordination_v1.js';
import type { Pod } from '../../kinds/types/core_v1.js';
import { DEFAULT_SCHEDULER_NAME, NAMESPACE_SYSTEM } from '../../kinds/wellknown.js';
import type { ApiContext } from '../context.js';
import type { Handler, Result } from '../exchange.js';
import { plainResult } from '../plain-result.js';
import { createFromBody } from './create.js';

/** What schedulers elect their leader by. */
const LEASE = { namespace: NAMESPACE_SYSTEM, name: 'kube-scheduler' };

export function decisionsHandlers(context: ApiContext): { readonly get: Handler; readonly create: Handler } {
  return {
    async get({ info, resource }) {
      const { namespace, name } = info;
      const stored = await resource.storage.get({ namespace, name: name! });
      if (!stored) throw notFound(resource.kind.groupResource, name!);
      const pod = stored.object as Pod;
      const known = whatIsKnown(context, pod);
      return answer(known?.state === 'unknown' || !known ? await unknown(context, pod, known) : known);
    },
    /** Through all that creating it would go through, so that it has its defaults and is refused where it would be. */
    async create(request) {
      const scheduler = context.options.scheduler?.();
      if (!scheduler) throw serviceUnavailable(nobody());
      const result = await createFromBody(context, request, true);
      return answer(await scheduler.tryOut(plainResult(result) as Pod));
    },
  };
}

/** undefined: no scheduler is at work here. */
function whatIsKnown({ options }: ApiContext, pod: Pod): PodDecisions | undefined {
  try {
    return options.scheduler?.()?.decisionsOf(pod);
  } catch (error) {
    if (isStatus(error, 'ServiceUnavailable')) return undefined;
    throw error;
  }
}

const answer = (value: PodDecisions): Result => ({ type: 'value', code: 200, value });

async function unknown(context: ApiContext, pod: Pod, known: PodDecisions | undefined): Promise<PodDecisions> {
  const { storage } = context.resources.of(leases);
  const lease = (await storage.get(LEASE))?.object as Lease | undefined;
  const holder = lease?.spec.holderIdentity || undefined;
  const { namespace = '', name, uid } = pod.metadata;
  const { schedulerName: scheduler = DEFAULT_SCHEDULER_NAME, nodeName: node } = pod.spec;
  if (known) return { ...known, message: `${known.message}${holder ? ` ${leader(holder)}` : ''}` };
  return {
    pod: { namespace, name, uid, scheduler, ...(node ? { node } : {}) },
    state: 'unknown',
    message: nobody(`The pod is for the scheduler ${scheduler}.${holder ? ` ${leader(holder)}` : ''}`),
    waitsFor: [],
    decisions: [],
  };
}

const leader = (holder: string) => `The lease ${LEASE.namespace}/${LEASE.name} is held by ${holder}.`;

const nobody = (who = '') =>
  `No scheduler is at work beside this API server. ${who}${who && ' '}Ask it at its own port: porthole why --scheduler https://ADDRESS:10259`;
