// A profile: which plugins are asked at which extension point, made from what a configuration enables and disables. Pure.
import { duplicate, type FieldError, invalid, required } from '../apimachinery/field.js';
import { isJsonObject, type Json } from '../apimachinery/json.js';
import { DEFAULT_SCHEDULER_NAME } from '../kinds/wellknown.js';
import type { Reading } from './config-fields.js';
import type { PluginDefinition, Profile, SchedulerPlugin } from './define.js';
import { plugins as registered } from './plugins/index.js';

/** Upstream's extension points, and by what a plugin shows that it extends one. */
export const EXTENSION_POINTS = {
  preEnqueue: ['preEnqueue'],
  queueSort: ['less'],
  preFilter: ['preFilter'],
  filter: ['filter'],
  postFilter: ['postFilter'],
  preScore: ['preScore'],
  score: ['score'],
  reserve: ['reserve', 'unreserve'],
  permit: ['permit'],
  preBind: ['preBind'],
  bind: ['bind'],
  postBind: ['postBind'],
} as const satisfies { readonly [point: string]: readonly Exclude<keyof SchedulerPlugin, 'name' | 'events'>[] };

export type ExtensionPoint = keyof typeof EXTENSION_POINTS;

export interface Enabled {
  readonly name: string;
  readonly weight: number;
}

export interface PluginSet {
  readonly enabled: readonly Enabled[];
  readonly disabled: readonly { readonly name: string }[];
}

/** A profile as a configuration has it. */
export interface ProfileFields {
  readonly schedulerName: string;
  readonly percentageOfNodesToScore: number;
  /** multiPoint is for every extension point that a plugin has. */
  readonly plugins: { readonly [point in ExtensionPoint | 'multiPoint']: PluginSet };
  readonly pluginConfig: readonly { readonly name: string; readonly args: Json | undefined }[];
}

type Made = ReadonlyMap<string, SchedulerPlugin>;
type Points = { [point in ExtensionPoint]: readonly SchedulerPlugin[] };
type Asked = { readonly plugin: SchedulerPlugin; readonly weight: number };

const EMPTY: PluginSet = { enabled: [], disabled: [] };
const ALL = '*';

/** Upstream's defaults, for pods that name no scheduler. */
export const defaultProfile = (): Profile => profileOf(defaultFields(), 'profiles[0]', { errors: [], unknown: [] });

export function defaultFields(): ProfileFields {
  const points = [...Object.keys(EXTENSION_POINTS), 'multiPoint'].map((point) => [point, EMPTY]);
  const plugins = Object.fromEntries(points) as ProfileFields['plugins'];
  return { schedulerName: DEFAULT_SCHEDULER_NAME, percentageOfNodesToScore: 0, plugins, pluginConfig: [] };
}

/** Upstream's plugins, less what `fields` disables, and what it enables besides. What is wrong goes to `reading`. */
export function profileOf(fields: ProfileFields, path: string, reading: Reading): Profile {
  const made = makeAll(fields, `${path}.pluginConfig`, reading);
  const multiPoint = withDefaults(fields.plugins.multiPoint);
  reading.errors.push(...unknownPlugins(fields, `${path}.plugins`));
  const asked = (point: ExtensionPoint) => expand(point, fields.plugins[point], multiPoint, made);
  const at = (point: ExtensionPoint) => asked(point).map(({ plugin }) => plugin);
  const points = Object.fromEntries(
    Object.keys(EXTENSION_POINTS).map((point) => [point, at(point as ExtensionPoint)]),
  ) as unknown as Points;
  reading.errors.push(...missing(points, path));
  return {
    ...points,
    schedulerName: fields.schedulerName,
    percentageOfNodesToScore: fields.percentageOfNodesToScore,
    plugins: [...new Set(Object.values(points).flat())],
    queueSort: points.queueSort[0]!,
    score: asked('score'),
  };
}

function makeAll({ pluginConfig }: ProfileFields, path: string, reading: Reading): Made {
  pluginConfig.forEach(({ name }, i) => {
    const definition = registered.find((one) => one.name === name);
    if (pluginConfig.findIndex((one) => one.name === name) < i) reading.errors.push(duplicate(`${path}[${i}]`, name));
    else if (!definition?.args)
      reading.errors.push(invalid(`${path}[${i}].name`, name, definition ? 'plugin takes no args' : 'plugin does not exist'));
  });
  return new Map(registered.map((definition) => [definition.name, make(definition, pluginConfig, path, reading)]));
}

function make(definition: PluginDefinition, configs: ProfileFields['pluginConfig'], path: string, reading: Reading): SchedulerPlugin {
  const { name } = definition;
  const i = configs.findIndex((one) => one.name === name);
  const args = definition.args?.(withoutType(name, configs[i]?.args, `${path}[${i}].args`, reading), `${path}[${i}].args`, reading);
  return { name, ...definition.make(args) };
}

/** `args` may say what it is. */
function withoutType(name: string, args: Json | undefined, path: string, { errors }: Reading): Json | undefined {
  if (!isJsonObject(args)) return args;
  const { kind = `${name}Args`, apiVersion, ...rest } = args;
  if (kind !== `${name}Args`) errors.push(invalid(path, kind, 'has to match plugin args'));
  return rest;
}

/** A default that is enabled anew keeps its place and takes the new weight; others come last. */
function withDefaults({ enabled, disabled }: PluginSet): readonly Enabled[] {
  const off = new Set(disabled.map(({ name }) => name));
  const kept = off.has(ALL) ? [] : registered.filter(({ name }) => !off.has(name)).map(({ name, weight = 1 }) => ({ name, weight }));
  const again = (name: string) => enabled.find((one) => one.name === name);
  return [...kept.map((one) => again(one.name) ?? one), ...enabled.filter(({ name }) => !kept.some((one) => one.name === name))];
}

/** A weight of 0 is none that was given. What is said of the point itself goes before what is said of all; of plugins that both name, the point's own come first. */
function expand(point: ExtensionPoint, { enabled, disabled }: PluginSet, multiPoint: readonly Enabled[], made: Made): readonly Asked[] {
  const off = new Set(disabled.map(({ name }) => name));
  const extending = ({ name }: Enabled) => EXTENSION_POINTS[point].some((method) => made.get(name)?.[method]);
  const own = enabled.filter(extending);
  const general = off.has(ALL) ? [] : multiPoint.filter((one) => extending(one) && !off.has(one.name));
  const isIn = (all: readonly Enabled[]) => (one: Enabled) => all.some(({ name }) => name === one.name);
  const isNotIn = (all: readonly Enabled[]) => (one: Enabled) => !isIn(all)(one);
  const ordered = [...own.filter(isIn(general)), ...general.filter(isNotIn(own)), ...own.filter(isNotIn(general))];
  return ordered.map(({ name, weight }) => ({ plugin: made.get(name)!, weight: weight || 1 }));
}

function unknownPlugins({ plugins }: ProfileFields, path: string): readonly FieldError[] {
  return Object.entries(plugins).flatMap(([point, { enabled }]) =>
    enabled.flatMap(({ name, weight }, i) => {
      const at = `${path}.${point}.enabled[${i}]`;
      const definition = registered.find((one) => one.name === name);
      if (!definition) return [invalid(`${at}.name`, name, 'plugin does not exist')];
      if (weight < 0) return [invalid(`${at}.weight`, weight, 'must be non-negative')];
      if (enabled.findIndex((one) => one.name === name) < i) return [duplicate(`${at}.name`, name)];
      const methods = point === 'multiPoint' ? undefined : EXTENSION_POINTS[point as ExtensionPoint];
      const instance = definition.make(definition.args?.(undefined, '', { errors: [], unknown: [] }));
      return methods?.every((method) => !instance[method as keyof typeof instance])
        ? [invalid(`${at}.name`, name, `plugin does not extend ${point} plugin`)]
        : [];
    }),
  );
}

function missing(points: { readonly [point in ExtensionPoint]: readonly SchedulerPlugin[] }, path: string): readonly FieldError[] {
  const { queueSort, bind } = points;
  return [
    ...(queueSort.length === 0 ? [required(`${path}.plugins.queueSort`, 'at least one queue sort plugin is needed')] : []),
    ...(queueSort.length > 1
      ? [invalid(`${path}.plugins.queueSort.enabled`, queueSort.length, 'only one queue sort plugin can be enabled')]
      : []),
    ...(bind.length === 0 ? [required(`${path}.plugins.bind`, 'at least one bind plugin is needed')] : []),
  ];
}
