// What `kubectl describe node` tells of a node's changes.
import { expect, it } from 'vitest';
import { nodeEvents, toldOf, untold } from '../../../../agent/kubelet/node-events.js';
import type { Node, NodeStatus } from '../../../../src/kinds/types/core_v1.js';

const status = (disk: string, bootID = 'boot-1') =>
  ({
    conditions: [
      { type: 'DiskPressure', status: disk === 'KubeletHasDiskPressure' ? 'True' : 'False', reason: disk },
      { type: 'Ready', status: 'True', reason: 'KubeletReady' },
    ],
    nodeInfo: { bootID },
  }) as unknown as NodeStatus;
const calm = status('KubeletHasNoDiskPressure');
const node = (unschedulable?: boolean) => ({ spec: { unschedulable } }) as Node;
const texts = (...of: Parameters<typeof nodeEvents>) =>
  nodeEvents(...of).map(({ type, reason, message }) => `${type} ${reason} ${message}`);

it('is its states at first, then what changes', () => {
  const first = toldOf(node(), calm);
  expect(texts('n', untold(undefined), first)).toEqual(['Normal NodeHasNoDiskPressure Node n status is now: NodeHasNoDiskPressure']);
  expect(texts('n', first, toldOf(node(false), calm))).toEqual([]);
  const full = toldOf(node(true), status('KubeletHasDiskPressure'));
  expect(texts('n', first, full)).toEqual([
    'Normal NodeHasDiskPressure Node n status is now: NodeHasDiskPressure',
    'Normal NodeNotSchedulable Node n status is now: NodeNotSchedulable',
  ]);
  expect(texts('n', full, first)).toContain('Normal NodeSchedulable Node n status is now: NodeSchedulable');
});

it('is a reboot, also one that an agent before this one did not see', () => {
  const after = toldOf(node(), status('KubeletHasNoDiskPressure', 'boot-2'));
  expect(texts('n', untold(calm), after)).toContain('Warning Rebooted Node n has been rebooted, boot id: boot-2');
  expect(texts('n', untold(undefined), after)).toHaveLength(1);
});
