// KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1): profiles, back-off, leader election, read from a file's text. Pure.
import { parseYaml } from '../apimachinery/codec/yaml.js';
import { parseDuration_ms } from '../apimachinery/duration.js';
import { duplicate, type FieldError, forbidden, invalid, required } from '../apimachinery/field.js';
import { isJsonObject } from '../apimachinery/json.js';
import { StatusError } from '../apimachinery/status.js';
import { DEFAULT_SCHEDULER_NAME } from '../kinds/wellknown.js';
import { anything, bool, checked, int, listOf, object, type Reader, type Reading, text } from './config-fields.js';
import type { Profile } from './define.js';
import { defaultFields, EXTENSION_POINTS, type PluginSet, type ProfileFields, profileOf } from './profile.js';

const API_VERSION = 'kubescheduler.config.k8s.io/v1';
const KIND = 'KubeSchedulerConfiguration';

/** Says which field is wrong and why, for a person to put right. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

type Fields = ReturnType<typeof fields>;

export interface SchedulerConfiguration extends Omit<Fields, 'profiles' | 'extenders' | 'percentageOfNodesToScore'> {
  readonly profiles: readonly Profile[];
}

export const defaultConfiguration = (): SchedulerConfiguration => readFields({});

/** Throws a ConfigurationError that names every field that is wrong. */
export function readConfiguration(file: string): SchedulerConfiguration {
  const { value, duplicates } = parse(file);
  if (!isJsonObject(value)) throw new ConfigurationError('the file holds no object');
  const { apiVersion, kind, ...rest } = value;
  if (kind !== KIND || apiVersion !== API_VERSION) {
    const [of, version] = [kind, apiVersion].map((one) => (typeof one === 'string' ? one : ''));
    throw new ConfigurationError(
      `no kind ${JSON.stringify(of)} is registered for version ${JSON.stringify(version)}: it must be ${KIND} of ${API_VERSION}`,
    );
  }
  if (duplicates.length > 0) {
    throw new ConfigurationError(`strict decoding error: yaml: unmarshal errors:\n${duplicates.map((line) => `  ${line}`).join('\n')}`);
  }
  return readFields(rest);
}

function parse(file: string) {
  try {
    return parseYaml(new TextEncoder().encode(file));
  } catch (error) {
    if (error instanceof StatusError) throw new ConfigurationError(error.message);
    throw error;
  }
}

function readFields(value: Parameters<Reader<unknown>>[0]): SchedulerConfiguration {
  const reading: Reading = { errors: [], unknown: [] };
  const { profiles, percentageOfNodesToScore, extenders, ...others } = fields(value, '', reading);
  if (extenders !== undefined) reading.errors.push(forbidden('extenders', 'extenders are not supported'));
  const made = profiles.map((profile, i) =>
    profileOf(
      { ...profile, percentageOfNodesToScore: profile.percentageOfNodesToScore ?? percentageOfNodesToScore ?? 0 },
      `profiles[${i}]`,
      reading,
    ),
  );
  complain(reading);
  return { ...others, profiles: made };
}

function complain({ unknown, errors }: Reading): void {
  if (unknown.length > 0) {
    throw new ConfigurationError(`strict decoding error: ${unknown.map((path) => `unknown field ${JSON.stringify(path)}`).join(', ')}`);
  }
  const told = errors.map(({ field, message }) => `${field}: ${message}`);
  if (told.length > 0) throw new ConfigurationError(told.length === 1 ? told[0]! : `[${told.join(', ')}]`);
}

/** Go's duration, in milliseconds. */
function duration(initial: string): Reader<number> {
  return (value, path, reading) => {
    const given = text(initial)(value, path, reading);
    const ms = parseDuration_ms(given);
    if (ms === undefined) reading.errors.push(invalid(path, given, `time: invalid duration ${JSON.stringify(given)}`));
    return ms ?? parseDuration_ms(initial)!;
  };
}

const leaderElection = checked(
  object({
    leaderElect: bool(true),
    leaseDuration: duration('15s'),
    renewDeadline: duration('10s'),
    retryPeriod: duration('2s'),
    resourceLock: text('leases'),
    resourceName: text('kube-scheduler'),
    resourceNamespace: text('kube-system'),
  }),
  (election, path) => {
    const { leaseDuration, renewDeadline, retryPeriod, resourceLock } = election;
    if (!election.leaderElect) return [];
    return [
      ...(leaseDuration <= renewDeadline
        ? [invalid(`${path}.leaseDuration`, leaseDuration, 'LeaseDuration must be greater than RenewDeadline')]
        : []),
      ...(renewDeadline <= retryPeriod
        ? [invalid(`${path}.renewDeadline`, renewDeadline, 'RenewDeadline must be greater than RetryPeriod')]
        : []),
      ...(retryPeriod <= 0 ? [invalid(`${path}.retryPeriod`, retryPeriod, 'must be greater than zero')] : []),
      ...(resourceLock === 'leases' ? [] : [invalid(`${path}.resourceLock`, resourceLock, 'resourceLock value must be "leases"')]),
      ...(['resourceName', 'resourceNamespace'] as const).flatMap((name) =>
        election[name] === '' ? [required(`${path}.${name}`, `${name} is required`)] : [],
      ),
    ];
  },
);

const percentage: Reader<number | undefined> = int<number | undefined>(undefined, {
  min: 0,
  max: 100,
  otherwise: 'not in valid range [0-100]',
});

const pluginSet: Reader<PluginSet> = object({
  enabled: listOf(object({ name: text(), weight: int(0) })),
  disabled: listOf(object({ name: text(), weight: anything })),
});

const points = [...Object.keys(EXTENSION_POINTS), 'multiPoint'] as const;

const profile = checked(
  object({
    schedulerName: text(DEFAULT_SCHEDULER_NAME),
    percentageOfNodesToScore: percentage,
    plugins: object(Object.fromEntries(points.map((point) => [point, pluginSet]))) as unknown as Reader<ProfileFields['plugins']>,
    pluginConfig: listOf(object({ name: text(), args: anything })),
  }),
  ({ schedulerName }, path) => (schedulerName === '' ? [required(`${path}.schedulerName`)] : []),
);

const configuration = object({
  profiles: listOf(profile, [defaultFields()]),
  percentageOfNodesToScore: percentage,
  podInitialBackoffSeconds: int(1, { min: 1, otherwise: 'must be greater than 0' }),
  podMaxBackoffSeconds: int(10),
  leaderElection,
  clientConnection: object({
    kubeconfig: text(),
    acceptContentTypes: text(),
    contentType: text(),
    qps: anything,
    burst: int(100, { min: 0, otherwise: 'must be non-negative' }),
  }),
  // Cycles run one after the other here and look at nodes one by one: taken for what it is upstream, and without effect.
  parallelism: int(16, { min: 1, otherwise: 'should be an integer value greater than zero' }),
  enableProfiling: bool(true),
  enableContentionProfiling: bool(true),
  delayCacheUntilActive: bool(false),
  extenders: (value) => (Array.isArray(value) && value.length === 0 ? undefined : anything(value, '', { errors: [], unknown: [] })),
});

const fields = checked(configuration, ({ profiles, podInitialBackoffSeconds, podMaxBackoffSeconds }) => {
  const errors: FieldError[] = [];
  if (podMaxBackoffSeconds < podInitialBackoffSeconds) {
    errors.push(invalid('podMaxBackoffSeconds', podMaxBackoffSeconds, 'must be greater than or equal to PodInitialBackoffSeconds'));
  }
  if (profiles.length === 0) errors.push(required('profiles'));
  profiles.forEach(({ schedulerName, plugins }, i) => {
    if (profiles.findIndex((other) => other.schedulerName === schedulerName) < i) {
      errors.push(duplicate(`profiles[${i}].schedulerName`, schedulerName));
    }
    if (JSON.stringify(plugins.queueSort) !== JSON.stringify(profiles[0]!.plugins.queueSort)) {
      errors.push(
        invalid(`profiles[${i}].plugins.queueSort`, plugins.queueSort.enabled[0]?.name, 'queueSort must be the same for all profiles'),
      );
    }
  });
  return errors;
});
