// The binding half of an attempt: what plugins do once a pod has its node, from reserve to postBind, and undone where any of it fails.
import type { Pod } from '../kinds/types/core_v1.js';
import type { NodeInfo, PluginContext, Profile, SchedulerPlugin } from './define.js';
import { attempt, PluginError } from './filters.js';
import type { Code, CycleMeter, Point } from './meter.js';

/** What has to come true before the binding is written; undefined: nothing, as for most pods. Throws with all undone. */
export function reserveAndPrepare(
  pod: Pod,
  node: NodeInfo,
  profile: Profile,
  context: PluginContext,
  meter: CycleMeter,
): Promise<void> | undefined {
  try {
    meter.begin();
    for (const plugin of profile.reserve) attempt('Reserve', plugin, () => plugin.reserve?.(pod, node, context), meter);
    meter.ran('Reserve');
    const permitted = waitsOf('Permit', profile.permit, (plugin) => plugin.permit!(pod, node, context), meter);
    meter.ran('Permit');
    const prepare = () => preBind(pod, node, profile, context, meter);
    return permitted ? permitted.then(prepare) : prepare();
  } catch (error) {
    if (error instanceof PluginError) meter.ran(error.point, 'Error');
    unreserve(pod, node, profile, context);
    throw error;
  }
}

function preBind(pod: Pod, node: NodeInfo, profile: Profile, context: PluginContext, meter: CycleMeter): Promise<void> | undefined {
  meter.begin();
  const waits = waitsOf('PreBind', profile.preBind, (plugin) => plugin.preBind!(pod, node, context), meter);
  if (waits) return measured('PreBind', waits, meter);
  meter.ran('PreBind');
  return undefined;
}

async function measured(point: Point, waits: Promise<void>, meter: CycleMeter): Promise<void> {
  let code: Code = 'Error';
  try {
    await waits;
    code = 'Success';
  } finally {
    meter.ran(point, code);
  }
}

function waitsOf(
  point: Point,
  plugins: readonly SchedulerPlugin[],
  ask: (plugin: SchedulerPlugin) => Promise<void> | undefined,
  meter: CycleMeter,
): Promise<void> | undefined {
  const waits = plugins.flatMap((plugin) => attempt(point, plugin, () => ask(plugin), meter)?.catch(rejection(point, plugin)) ?? []);
  return waits.length > 0 ? Promise.all(waits).then(() => undefined) : undefined;
}

const rejection = (point: Point, plugin: SchedulerPlugin) => (error: Error) => {
  attempt(point, plugin, () => {
    throw error;
  });
};

/** In the reverse order, of those too whose turn had not come: a plugin knows what it holds. */
export function unreserve(pod: Pod, node: NodeInfo, profile: Profile, context: PluginContext): void {
  for (const plugin of profile.reserve.toReversed()) plugin.unreserve?.(pod, node, context);
}

/** By the first plugin that takes it up; rejects with what that one rejects with. */
export async function bind(pod: Pod, node: NodeInfo, profile: Profile, context: PluginContext, meter: CycleMeter): Promise<void> {
  meter.begin();
  for (const plugin of profile.bind) {
    const bound = meter.call('Bind', plugin.name, () => plugin.bind!(pod, node, context));
    if (!bound) continue;
    await measured('Bind', bound, meter);
    for (const after of profile.postBind) meter.call('PostBind', after.name, () => after.postBind!(pod, node, context));
    meter.ran('PostBind');
    return;
  }
  throw new PluginError('Bind', `no plugin of profile ${JSON.stringify(profile.schedulerName)} binds the pod`);
}
