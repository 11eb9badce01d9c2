// What a pod that found no node waits for: the events that its plugins named, with the closer look that each wants. Pure.
import type { ClusterEvent, ClusterEventHint, Decision, PostFilterResult, SchedulerPlugin } from './define.js';
import type { Refusing } from './queue.js';

const ALL: readonly ClusterEventHint[] = (
  [
    'NodeAdd',
    'NodeUpdate',
    'NodeDelete',
    'AssignedPodAdd',
    'AssignedPodUpdate',
    'AssignedPodDelete',
    'NamespaceUpdate',
    'StorageChange',
    'VolumeAttachmentDelete',
  ] satisfies readonly ClusterEvent[]
).map((event) => ({ event }));
/** No plugin spoke of the pod, since there was no node to speak of. */
const NODES: readonly ClusterEventHint[] = [{ event: 'NodeAdd' }, { event: 'NodeUpdate' }];
/** Room is made by deleting pods. */
const VICTIMS: readonly ClusterEventHint[] = [{ event: 'AssignedPodDelete' }];

export function refusingOf({ runs, refusedAll, restrictedBy }: Decision, post: PostFilterResult | undefined): Refusing {
  const refusing = new Set<SchedulerPlugin>();
  for (const { refusedBy } of runs) if (refusedBy) refusing.add(refusedBy);
  if (refusedAll) refusing.add(refusedAll.plugin);
  for (const plugin of restrictedBy?.plugins ?? []) refusing.add(plugin);
  const plugins = [...refusing].map(({ name }) => name);
  if (refusing.size === 0) return { hints: NODES, plugins };
  const hints = [...refusing].flatMap(({ events = ALL }) => events);
  return { hints: post?.preemption ? [...hints, ...VICTIMS] : hints, plugins };
}
