// The postFilter half of a cycle: what the plugins can do for a pod that no node can take as things are. Pure; what is to be done comes back.
import type { Pod } from '../kinds/types/core_v1.js';
import type { Decision, PluginContext, PostFilterResult } from './define.js';
import { attempt } from './filters.js';
import type { Code, CycleMeter } from './meter.js';

/** As upstream, the first that can do something; else all of what they say. */
export function postFilter(pod: Pod, decision: Decision, context: PluginContext, meter?: CycleMeter): PostFilterResult | undefined {
  if (decision.failed || decision.total === 0) return undefined;
  const said: PostFilterResult[] = [];
  for (const plugin of decision.profile.postFilter) {
    const result = attempt('PostFilter', plugin, () => plugin.postFilter!(pod, decision, context), meter, postFilterCode);
    if (result?.nominatedNode) return result;
    if (result) said.push(result);
  }
  if (said.length < 2) return said[0];
  return Object.assign({}, ...said, { message: said.map(({ message }) => message).join(', ') });
}

export const postFilterCode = (result: PostFilterResult | undefined): Code => (result?.nominatedNode ? 'Success' : 'Unschedulable');
