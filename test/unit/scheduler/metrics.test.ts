// The scheduler's metrics as Prometheus reads them: what plugins were asked, what that took, and which of them stand in pods' way.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Exposition } from '../../../src/apimachinery/exposition.js';
import { nodes } from '../../../src/kinds/core/node.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { settle } from '../client/fakes.js';
import { node, pod } from '../controllers/objects.js';
import { asking, having } from './plugins/lab.js';
import { SchedulerAtWork } from './running.js';

let at: SchedulerAtWork;
beforeEach(() => {
  at = new SchedulerAtWork();
});
afterEach(() => at.stop());

/** The samples of a metric, by the text of their labels. */
function samples(name: string): { readonly [labels: string]: number } {
  const out = new Exposition();
  at.scheduler.writeMetrics(out);
  const lines = String(out)
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`));
  return Object.fromEntries(
    lines.map((line) => [line.slice(name.length + 1, line.indexOf('}')), Number(line.slice(line.indexOf('} ') + 2))]),
  );
}

const POINTS = 'scheduler_framework_extension_point_duration_seconds';
const CALLS = 'scheduler_plugin_execution_duration_seconds';
const EVALUATIONS = 'scheduler_plugin_evaluation_total';
const ran = (extension_point: string, status = 'Success') =>
  `extension_point="${extension_point}",profile="default-scheduler",status="${status}"`;

test('of a pod that finds its node among two: each extension point has taken its time once', async () => {
  for (const name of ['n1', 'n2']) await at.api.create(nodes, node(name));
  await at.start();
  await at.api.create(pods, pod('p', { spec: asking({ cpu: '1' }) }));
  await settle();
  expect(at.nodeOf('p')).toBeDefined();
  const points = ['PreEnqueue', 'PreFilter', 'Filter', 'PreScore', 'Score', 'Reserve', 'Permit', 'PreBind', 'Bind', 'PostBind'];
  expect(samples(`${POINTS}_count`)).toEqual(Object.fromEntries(points.map((point) => [ran(point), 1])));
  expect(Object.keys(samples(`${POINTS}_bucket`)).filter((labels) => labels.startsWith(ran('Bind')))).toHaveLength(13);
  // The first cycle is one of those that are measured plugin by plugin.
  expect(samples(`${CALLS}_count`)).toMatchObject({
    'extension_point="PreFilter",plugin="NodePorts",status="Skip"': 1,
    'extension_point="Filter",plugin="NodeResourcesFit",status="Success"': 2,
    'extension_point="Score",plugin="NodeResourcesFit",status="Success"': 1,
    'extension_point="Bind",plugin="DefaultBinder",status="Success"': 1,
  });
  expect(
    Object.keys(samples(`${CALLS}_bucket`))
      .slice(0, 3)
      .map((labels) => labels.slice(labels.indexOf('le='))),
  ).toEqual(['le="1e-05"', 'le="1.5000000000000002e-05"', 'le="2.2500000000000005e-05"']);
  expect(samples(EVALUATIONS)).toMatchObject({
    'extension_point="Filter",plugin="TaintToleration",profile="default-scheduler"': 2,
    'extension_point="Score",plugin="NodeResourcesFit",profile="default-scheduler"': 2,
  });
  expect(Object.keys(samples(EVALUATIONS))).not.toContain('extension_point="Filter",plugin="NodePorts",profile="default-scheduler"');
});

test('a tenth of the cycles is measured plugin by plugin, and each is counted', async () => {
  await at.api.create(nodes, node('n1', { status: { allocatable: { cpu: '4', pods: '110' } } }));
  await at.start();
  for (let i = 0; i < 21; i++) await at.api.create(pods, pod(`p${i}`, { spec: asking({ cpu: '1m' }) }));
  await settle();
  expect(samples(`${POINTS}_count`)[ran('PreFilter')]).toBe(21);
  expect(samples(`${CALLS}_count`)['extension_point="PreFilter",plugin="NodeResourcesFit",status="Success"']).toBe(3);
  expect(samples(EVALUATIONS)['extension_point="PreFilter",plugin="NodeResourcesFit",profile="default-scheduler"']).toBe(21);
});

test('pods that wait are told of by the plugins that stand in their way, until they are tried again', async () => {
  await at.api.create(nodes, having('n1', { cpu: '1' }));
  await at.api.create(nodes, node('n2', { spec: { unschedulable: true } }));
  await at.start();
  await at.api.create(pods, pod('big', { spec: asking({ cpu: '2' }) }));
  await at.api.create(pods, pod('gated', { spec: { schedulingGates: [{ name: 'g' }] } }));
  await settle();
  const by = (plugin: string) => `plugin="${plugin}",profile="default-scheduler"`;
  expect(samples('scheduler_unschedulable_pods')).toEqual({
    [by('NodeResourcesFit')]: 1,
    [by('NodeUnschedulable')]: 1,
    [by('SchedulingGates')]: 1,
  });
  expect(samples('scheduler_pending_pods')).toMatchObject({ 'queue="unschedulable"': 1, 'queue="gated"': 1 });
  expect(samples(`${POINTS}_count`)).toMatchObject({
    [ran('PostFilter', 'Unschedulable')]: 1,
    [ran('PreEnqueue', 'UnschedulableAndUnresolvable')]: 1,
  });
  await at.api.create(nodes, having('n3', { cpu: '4' }));
  await at.clock.advance(10_000);
  expect(at.nodeOf('big')).toBe('n3');
  expect(samples('scheduler_unschedulable_pods')).toEqual({ [by('SchedulingGates')]: 1 });
});
