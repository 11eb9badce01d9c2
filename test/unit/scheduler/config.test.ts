// KubeSchedulerConfiguration: which plugins a profile gets from it, and what is refused by which name.
import { describe, expect, test } from 'vitest';
import { defaultConfiguration, readConfiguration } from '../../../src/scheduler/config.js';
import type { Profile } from '../../../src/scheduler/define.js';

const HEAD = 'apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n';
const read = (text = '') => readConfiguration(HEAD + text);
const names = (plugins: readonly { readonly name: string }[]) => plugins.map(({ name }) => name);
const weights = ({ score }: Profile) => Object.fromEntries(score.map(({ plugin, weight }) => [plugin.name, weight]));
const only = (text: string) => read(`profiles:\n${text}`).profiles[0]!;

describe('profiles', () => {
  test('without a word there is one, with upstream’s plugins and weights', () => {
    const [profile, ...others] = read().profiles;
    expect(others).toEqual([]);
    expect(profile).toMatchObject({ schedulerName: 'default-scheduler', percentageOfNodesToScore: 0 });
    expect(weights(profile!)).toEqual({
      TaintToleration: 3,
      NodeAffinity: 2,
      NodeResourcesFit: 1,
      PodTopologySpread: 2,
      InterPodAffinity: 2,
      NodeResourcesBalancedAllocation: 1,
      ImageLocality: 1,
    });
    expect(names(profile!.filter)).toEqual(names(defaultConfiguration().profiles[0]!.filter));
    expect([profile!.queueSort.name, names(profile!.bind), names(profile!.postFilter)]).toEqual([
      'PrioritySort',
      ['DefaultBinder'],
      ['DefaultPreemption'],
    ]);
  });

  test('several, each with its own plugins; the general percentage stands where a profile has none', () => {
    const { profiles } = read(`
percentageOfNodesToScore: 30
profiles:
- schedulerName: plain
- schedulerName: bare
  percentageOfNodesToScore: 70
  plugins:
    preScore: { disabled: [{ name: '*' }] }
    score: { disabled: [{ name: '*' }] }
`);
    expect(profiles.map(({ schedulerName, percentageOfNodesToScore }) => [schedulerName, percentageOfNodesToScore])).toEqual([
      ['plain', 30],
      ['bare', 70],
    ]);
    expect([profiles[1]!.score, profiles[1]!.preScore]).toEqual([[], []]);
    expect(names(profiles[1]!.filter)).toEqual(names(profiles[0]!.filter));
  });

  test('a plugin is taken out everywhere, or at one point', () => {
    const everywhere = only('- plugins: { multiPoint: { disabled: [{ name: NodeAffinity }] } }');
    expect([...names(everywhere.filter), ...Object.keys(weights(everywhere))]).not.toContain('NodeAffinity');
    const there = only('- plugins: { score: { disabled: [{ name: NodeAffinity }] } }');
    expect(names(there.filter)).toContain('NodeAffinity');
    expect(weights(there)).not.toHaveProperty('NodeAffinity');
  });

  test('a weight given at the point wins over that for all points; without one it is 1', () => {
    const text = (score: string) =>
      `- plugins: { multiPoint: { enabled: [{ name: ImageLocality, weight: 7 }, { name: NodeAffinity }] }, score: { enabled: [${score}] } }`;
    expect(weights(only(text('')))).toMatchObject({ ImageLocality: 7, NodeAffinity: 1, TaintToleration: 3 });
    expect(weights(only(text('{ name: ImageLocality, weight: 5 }')))).toMatchObject({ ImageLocality: 5 });
  });

  test('with all defaults off, those that are named are asked in that order', () => {
    const profile = only(`
- plugins:
    multiPoint:
      disabled: [{ name: '*' }]
      enabled: [{ name: PrioritySort }, { name: NodePorts }, { name: NodeName }, { name: DefaultBinder }]
`);
    expect(names(profile.filter)).toEqual(['NodePorts', 'NodeName']);
  });

  test('what a point names itself comes first of those that are enabled anyway', () => {
    const profile = only('- plugins: { filter: { enabled: [{ name: NodePorts }] } }');
    expect(names(profile.filter)[0]).toBe('NodePorts');
    expect(names(profile.filter).length).toBe(names(read().profiles[0]!.filter).length);
  });
});

test('back-off, leader election and the rest, with upstream’s defaults', () => {
  expect(read()).toMatchObject({
    podInitialBackoffSeconds: 1,
    podMaxBackoffSeconds: 10,
    parallelism: 16,
    leaderElection: {
      leaderElect: true,
      leaseDuration: 15_000,
      renewDeadline: 10_000,
      retryPeriod: 2000,
      resourceName: 'kube-scheduler',
      resourceNamespace: 'kube-system',
    },
  });
  const given = read(
    'podInitialBackoffSeconds: 3\npodMaxBackoffSeconds: 60\nleaderElection: { leaderElect: false, leaseDuration: 1m30s }\nclientConnection: { kubeconfig: /k, qps: 100 }',
  );
  expect(given).toMatchObject({
    podInitialBackoffSeconds: 3,
    podMaxBackoffSeconds: 60,
    leaderElection: { leaderElect: false, leaseDuration: 90_000 },
    clientConnection: { kubeconfig: '/k' },
  });
});

const withArgs = (name: string, args: string) => `profiles: [{ pluginConfig: [{ name: ${name}, args: ${args} }] }]`;
const ARGS = 'profiles[0].pluginConfig[0].args';

test.each([
  ['podInitialBackofSeconds: 3', 'strict decoding error: unknown field "podInitialBackofSeconds"'],
  ['profiles: [{ plugins: { filter: { enable: [] } } }]', 'strict decoding error: unknown field "profiles[0].plugins.filter.enable"'],
  ['parallelism: 1\nparallelism: 2', 'strict decoding error: yaml: unmarshal errors:\n  line 4: key "parallelism" already set in map'],
  ['percentageOfNodesToScore: 101', 'percentageOfNodesToScore: Invalid value: 101: not in valid range [0-100]'],
  ['profiles: [{ percentageOfNodesToScore: -1 }]', 'profiles[0].percentageOfNodesToScore: Invalid value: -1: not in valid range [0-100]'],
  ['percentageOfNodesToScore: half', 'percentageOfNodesToScore: Invalid value: "string": must be of type integer: "string"'],
  ['podInitialBackoffSeconds: 0', 'podInitialBackoffSeconds: Invalid value: 0: must be greater than 0'],
  ['podInitialBackoffSeconds: 20', 'podMaxBackoffSeconds: Invalid value: 10: must be greater than or equal to PodInitialBackoffSeconds'],
  ['parallelism: 0', 'parallelism: Invalid value: 0: should be an integer value greater than zero'],
  ['profiles: [{ schedulerName: "" }]', 'profiles[0].schedulerName: Required value'],
  ['profiles: [{ schedulerName: a }, { schedulerName: a }]', 'profiles[1].schedulerName: Duplicate value: "a"'],
  [
    'profiles: [{ plugins: { filter: { enabled: [{ name: Telepathy }] } } }]',
    'profiles[0].plugins.filter.enabled[0].name: Invalid value: "Telepathy": plugin does not exist',
  ],
  [
    'profiles: [{ plugins: { score: { enabled: [{ name: NodeName }] } } }]',
    'profiles[0].plugins.score.enabled[0].name: Invalid value: "NodeName": plugin does not extend score plugin',
  ],
  [
    'profiles: [{ plugins: { bind: { disabled: [{ name: "*" }] } } }]',
    'profiles[0].plugins.bind: Required value: at least one bind plugin is needed',
  ],
  [
    'leaderElection: { renewDeadline: 20s }',
    'leaderElection.leaseDuration: Invalid value: 15000: LeaseDuration must be greater than RenewDeadline',
  ],
  [
    'leaderElection: { resourceLock: endpoints }',
    'leaderElection.resourceLock: Invalid value: "endpoints": resourceLock value must be "leases"',
  ],
  ['extenders: [{ urlPrefix: http://x }]', 'extenders: Forbidden: extenders are not supported'],
  [
    withArgs('InterPodAffinity', '{ hardPodAffinityWeight: 101 }'),
    `${ARGS}.hardPodAffinityWeight: Invalid value: 101: not in valid range [0, 100]`,
  ],
  [
    withArgs('VolumeBinding', '{ bindTimeoutSeconds: -1 }'),
    `${ARGS}.bindTimeoutSeconds: Invalid value: -1: invalid BindTimeoutSeconds, should not be a negative value`,
  ],
  [withArgs('NodePorts', '{}'), 'profiles[0].pluginConfig[0].name: Invalid value: "NodePorts": plugin takes no args'],
  [withArgs('InterPodAffinity', '{ kind: NodeAffinityArgs }'), `${ARGS}: Invalid value: "NodeAffinityArgs": has to match plugin args`],
  [
    withArgs(
      'PodTopologySpread',
      '{ defaultConstraints: [{ maxSkew: 0, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway }], defaultingType: List }',
    ),
    `${ARGS}.defaultConstraints[0].maxSkew: Invalid value: 0: not in valid range (0, inf)`,
  ],
  [
    withArgs('PodTopologySpread', '{ defaultConstraints: [{ maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway }] }'),
    `${ARGS}.defaultingType: Invalid value: "System": when .defaultConstraints are not empty`,
  ],
  [
    withArgs('DefaultPreemption', '{ minCandidateNodesPercentage: 200 }'),
    `${ARGS}.minCandidateNodesPercentage: Invalid value: 200: not in valid range [0, 100]`,
  ],
])('refused: %s', (text, message) => {
  expect(() => read(text)).toThrow(message);
});

test('all that is wrong is said at once, and a file of another kind is named', () => {
  expect(() => read('parallelism: 0\npercentageOfNodesToScore: 200')).toThrow(/^\[.*percentageOfNodesToScore.*, .*parallelism.*\]$/);
  expect(() => readConfiguration('apiVersion: v1\nkind: Pod\n')).toThrow('no kind "Pod" is registered for version "v1"');
  expect(() => readConfiguration('{')).toThrow('yaml: line 1');
});
