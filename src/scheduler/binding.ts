// The binding half of an attempt: what plugins do once a pod has its node, from reserve to postBind, and undone where any of it fails.
import type { Pod } from '../kinds/types/core_v1.js';
import type { NodeInfo, PluginContext, Profile, SchedulerPlugin } from './define.js';
import { attempt, PluginError } from './filters.js';

/** What has to come true before the binding is written; undefined: nothing, as for most pods. Throws with all undone. */
export function reserveAndPrepare(pod: Pod, node: NodeInfo, profile: Profile, context: PluginContext): Promise<void> | undefined {
  try {
    for (const plugin of profile.reserve) attempt('Reserve', plugin, () => plugin.reserve?.(pod, node, context));
    const permitted = waitsOf('Permit', profile.permit, (plugin) => plugin.permit!(pod, node, context));
    const prepare = () => waitsOf('PreBind', profile.preBind, (plugin) => plugin.preBind!(pod, node, context));
    return permitted ? permitted.then(prepare) : prepare();
  } catch (error) {
    unreserve(pod, node, profile, context);
    throw error;
  }
}

function waitsOf(
  point: string,
  plugins: readonly SchedulerPlugin[],
  ask: (plugin: SchedulerPlugin) => Promise<void> | undefined,
): Promise<void> | undefined {
  const waits = plugins.flatMap((plugin) => attempt(point, plugin, () => ask(plugin))?.catch(rejection(point, plugin)) ?? []);
  return waits.length > 0 ? Promise.all(waits).then(() => undefined) : undefined;
}

const rejection = (point: string, plugin: SchedulerPlugin) => (error: Error) => {
  attempt(point, plugin, () => {
    throw error;
  });
};

/** In the reverse order, of those too whose turn had not come: a plugin knows what it holds. */
export function unreserve(pod: Pod, node: NodeInfo, profile: Profile, context: PluginContext): void {
  for (const plugin of profile.reserve.toReversed()) plugin.unreserve?.(pod, node, context);
}

/** By the first plugin that takes it up; rejects with what that one rejects with. */
export async function bind(pod: Pod, node: NodeInfo, profile: Profile, context: PluginContext): Promise<void> {
  for (const plugin of profile.bind) {
    const bound = plugin.bind!(pod, node, context);
    if (!bound) continue;
    await bound;
    for (const after of profile.postBind) after.postBind!(pod, node, context);
    return;
  }
  throw new PluginError(`no plugin of profile ${JSON.stringify(profile.schedulerName)} binds the pod`);
}
