// How long pods take to start, as the two histograms of /metrics tell it.
import { expect, it } from 'vitest';
import { PodStarts } from '../../../../agent/kubelet/pod-starts.js';
import { Exposition } from '../../../../src/apimachinery/exposition.js';
import type { Pod, PodStatus } from '../../../../src/kinds/types/core_v1.js';
import { ManualClock } from '../../client/fakes.js';
import { container, pod } from './fixtures.js';

it('is from the first sight to running, and from creation to all being seen started, less pulls and init containers', async () => {
  const clock = new ManualClock();
  const starts = new PodStarts(clock);
  const at = (ms: number) => new Date(ms).toISOString();
  const created_ms = clock.now();
  const is = (status: PodStatus): Pod =>
    pod({ initContainers: [container('first')], containers: [container('main')] }, status, { creationTimestamp: at(created_ms) });
  const running = (started: boolean) =>
    is({
      phase: 'Running',
      initContainerStatuses: [
        { name: 'first', state: { terminated: { startedAt: at(created_ms + 5000), finishedAt: at(created_ms + 7000) } } },
      ] as never,
      containerStatuses: [{ name: 'main', started }] as never,
    });
  const told = () => {
    const out = new Exposition();
    starts.write(out);
    const lines = out.toString().split('\n');
    const of = (name: string) => Number(lines.find((line) => line.startsWith(`${name} `))!.split(' ')[1]);
    return ['kubelet_pod_start_duration_seconds', 'kubelet_pod_start_sli_duration_seconds'].flatMap((name) => [
      of(`${name}_count`),
      of(`${name}_sum`),
    ]);
  };
  await clock.advance(1000);
  starts.seen('uid-1');
  await clock.advance(3000);
  starts.pulled('uid-1', 3000);
  starts.observed(is({ phase: 'Pending' }), true);
  await clock.advance(6000);
  starts.observed(running(false), false);
  starts.observed(running(false), true);
  expect(told()).toEqual([1, 9, 0, 0]);
  await clock.advance(1000);
  starts.observed(running(true), false);
  expect(told()).toEqual([1, 9, 0, 0]);
  starts.observed(running(true), true);
  // 11 s, of them 3 for the pull and 2 for the init container.
  expect(told()).toEqual([1, 9, 1, 6]);
  starts.observed(running(true), true);
  starts.pulled('another', 1);
  expect(told()).toEqual([1, 9, 1, 6]);
});
