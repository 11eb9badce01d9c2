// A profile: which plugins are asked at which extension point. The default one is upstream's. Pure.
import type { PluginDefinition, Profile, SchedulerPlugin } from './define.js';
import { plugins } from './plugins/index.js';

export const DEFAULT_SCHEDULER_NAME = 'default-scheduler';

type Method = Exclude<keyof SchedulerPlugin, 'name' | 'events'>;

/** Every plugin of `definitions` wherever it has something to say. */
export function profileOf(schedulerName: string, definitions: readonly PluginDefinition[]): Profile {
  const made = definitions.map((definition) => ({
    definition,
    plugin: { name: definition.name, ...definition.make(definition.args?.(undefined, '', { errors: [], unknown: [] })) } as SchedulerPlugin,
  }));
  const having = (method: Method) => made.filter(({ plugin }) => plugin[method]).map(({ plugin }) => plugin);
  return {
    schedulerName,
    percentageOfNodesToScore: 0,
    plugins: made.map(({ plugin }) => plugin),
    queueSort: having('less')[0]!,
    preEnqueue: having('preEnqueue'),
    preFilter: having('preFilter'),
    filter: having('filter'),
    postFilter: having('postFilter'),
    preScore: having('preScore'),
    score: made.flatMap(({ definition, plugin }) => (plugin.score ? [{ plugin, weight: definition.weight ?? 1 }] : [])),
    reserve: having('reserve'),
    permit: having('permit'),
    preBind: having('preBind'),
    bind: having('bind'),
    postBind: having('postBind'),
  };
}

/** Upstream's defaults, for pods that name no scheduler. */
export const defaultProfile = (): Profile => profileOf(DEFAULT_SCHEDULER_NAME, plugins);
