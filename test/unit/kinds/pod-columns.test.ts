// kubectl get pods: the word in STATUS and the other cells, for each state that a user meets.
import { describe, expect, it } from 'vitest';
import { pods } from '../../../src/kinds/core/pod.js';
import { ago, container, created, headingsOf, podWith, rowOf } from './objects.js';

const waiting = (reason: string) => ({ state: { waiting: { reason } } });
const running = { state: { running: { startedAt: ago(600) } }, ready: true, started: true };
const ended = (exitCode: number, reason?: string) => ({ state: { terminated: { exitCode, ...(reason ? { reason } : {}) } } });
const status = (name: string, more: object) => ({
  name,
  ready: false,
  restartCount: 0,
  image: 'nginx:1.27',
  imageID: '',
  lastState: {},
  ...more,
});
const ready = [{ type: 'Ready', status: 'True' }];

function show(podStatus: object, spec: object = {}, metadata: object = {}): unknown[] {
  const pod = created(pods, podWith(spec));
  return rowOf(pods, { ...pod, metadata: { ...pod.metadata, ...metadata }, status: podStatus });
}
const word = (...args: Parameters<typeof show>) => show(...args)[2];
const two = { containers: [container(), container({ name: 'side' })] };
const oneInit = { initContainers: [container({ name: 'init' })] };
const twoInits = { initContainers: [container({ name: 'init' }), container({ name: 'init2' })] };
const sidecar = { initContainers: [container({ name: 'proxy', restartPolicy: 'Always' })] };

describe('kubectl get pods', () => {
  it('has the columns of kubectl, and more with -o wide', () => {
    expect(headingsOf(pods)).toEqual(['NAME', 'READY', 'STATUS', 'RESTARTS', 'AGE']);
    expect(headingsOf(pods, true)).toEqual([
      ...['NAME', 'READY', 'STATUS', 'RESTARTS', 'AGE', 'IP', 'NODE', 'NOMINATED NODE', 'READINESS GATES'],
    ]);
  });

  it('shows a running pod', () => {
    expect(show({ phase: 'Running', conditions: ready, containerStatuses: [status('web', running)] })).toEqual([
      'web',
      '1/1',
      'Running',
      '0',
      '24h',
    ]);
  });

  it('shows the address, the node and the gates with -o wide', () => {
    const pod = created(pods, podWith({ nodeName: 'node-1', readinessGates: [{ conditionType: 'lb' }] }));
    const seen = { ...pod, status: { phase: 'Running', podIP: '10.244.0.5', podIPs: [{ ip: '10.244.0.5' }] } };
    expect(rowOf(pods, seen, true).slice(5)).toEqual(['10.244.0.5', 'node-1', '<none>', '0/1']);
    expect(rowOf(pods, created(pods, podWith()), true).slice(5)).toEqual(['<none>', '<none>', '<none>', '<none>']);
  });

  it.each([
    ['Pending', { phase: 'Pending' }],
    ['ContainerCreating', { phase: 'Pending', containerStatuses: [status('web', waiting('ContainerCreating'))] }],
    ['ErrImagePull', { phase: 'Pending', containerStatuses: [status('web', waiting('ErrImagePull'))] }],
    ['CrashLoopBackOff', { phase: 'Running', containerStatuses: [status('web', waiting('CrashLoopBackOff'))] }],
    ['Completed', { phase: 'Succeeded', containerStatuses: [status('web', ended(0, 'Completed'))] }],
    ['Error', { phase: 'Failed', containerStatuses: [status('web', ended(1, 'Error'))] }],
    ['OOMKilled', { phase: 'Failed', containerStatuses: [status('web', ended(137, 'OOMKilled'))] }],
    ['ExitCode:3', { phase: 'Failed', containerStatuses: [status('web', ended(3))] }],
    ['Signal:9', { phase: 'Failed', containerStatuses: [status('web', { state: { terminated: { exitCode: 137, signal: 9 } } })] }],
    ['Evicted', { phase: 'Failed', reason: 'Evicted' }],
    ['SchedulingGated', { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] }],
  ])('says %s', (expected, podStatus) => {
    expect(word(podStatus)).toBe(expected);
  });

  it('says Terminating while a pod is deleted, unless it is over or its node was lost', () => {
    const deleted = { deletionTimestamp: ago(1) };
    expect(word({ phase: 'Running', containerStatuses: [status('web', running)] }, {}, deleted)).toBe('Terminating');
    expect(word({ phase: 'Running', reason: 'NodeLost' }, {}, deleted)).toBe('Unknown');
    expect(word({ phase: 'Succeeded', containerStatuses: [status('web', ended(0, 'Completed'))] }, {}, deleted)).toBe('Completed');
  });

  it('counts the containers that are ready', () => {
    const podStatus = { phase: 'Running', containerStatuses: [status('web', running), status('side', waiting('CrashLoopBackOff'))] };
    expect(show(podStatus, two).slice(1, 3)).toEqual(['1/2', 'CrashLoopBackOff']);
  });

  it('is not Completed while another container runs', () => {
    const containerStatuses = [status('web', ended(0, 'Completed')), status('side', running)];
    expect(word({ phase: 'Running', containerStatuses }, two)).toBe('NotReady');
    expect(word({ phase: 'Running', conditions: ready, containerStatuses }, two)).toBe('Running');
  });

  it.each([
    ['Init:0/1', oneInit, [status('init', { state: { running: {} } })]],
    ['Init:0/1', oneInit, [status('init', waiting('PodInitializing'))]],
    ['Init:1/2', twoInits, [status('init', ended(0, 'Completed')), status('init2', { state: { running: {} } })]],
    ['Init:Error', oneInit, [status('init', ended(1, 'Error'))]],
    ['Init:ExitCode:2', oneInit, [status('init', ended(2))]],
    ['Init:CrashLoopBackOff', oneInit, [status('init', waiting('CrashLoopBackOff'))]],
    ['Init:ImagePullBackOff', oneInit, [status('init', waiting('ImagePullBackOff'))]],
  ])('says %s while init containers run', (expected, spec, initContainerStatuses) => {
    const podStatus = { phase: 'Pending', initContainerStatuses, containerStatuses: [status('web', waiting('PodInitializing'))] };
    expect(word(podStatus, spec)).toBe(expected);
  });

  it('says PodInitializing when the init containers are done and the others are not there yet', () => {
    const initContainerStatuses = [status('init', ended(0, 'Completed'))];
    const containerStatuses = [status('web', waiting('PodInitializing'))];
    expect(word({ phase: 'Pending', initContainerStatuses, containerStatuses }, oneInit)).toBe('PodInitializing');
  });

  it('counts sidecars among the containers', () => {
    const podStatus = { phase: 'Running', initContainerStatuses: [status('proxy', running)], containerStatuses: [status('web', running)] };
    expect(show(podStatus, sidecar).slice(1, 3)).toEqual(['2/2', 'Running']);
  });

  it('says when the last restart was', () => {
    const lastState = { terminated: { exitCode: 1, finishedAt: ago(330) } };
    const restarts = (more: object) => show({ phase: 'Running', containerStatuses: [status('web', { ...running, ...more })] })[3];
    expect(restarts({ restartCount: 2, lastState })).toBe('2 (5m30s ago)');
    expect(restarts({ restartCount: 2 })).toBe('2');
  });

  it('counts the restarts of init containers only until they are done', () => {
    const initContainerStatuses = [status('init', { ...ended(0, 'Completed'), restartCount: 4 })];
    const still = [status('init', { ...waiting('CrashLoopBackOff'), restartCount: 4 })];
    expect(show({ phase: 'Running', initContainerStatuses, containerStatuses: [status('web', running)] }, oneInit)[3]).toBe('0');
    expect(show({ phase: 'Pending', initContainerStatuses: still }, oneInit)[3]).toBe('4');
  });
});
