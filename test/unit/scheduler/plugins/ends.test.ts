// What stands before a cycle and behind it, by tables: SchedulingGates, PrioritySort and DefaultBinder.
import { describe, expect, test } from 'vitest';
import { StatusError } from '../../../../src/apimachinery/status.js';
import type { Client } from '../../../../src/client/client.js';
import type { PluginContext } from '../../../../src/scheduler/define.js';
import { nodeInfo } from '../../../../src/scheduler/resources.js';
import { node, pod } from '../../controllers/objects.js';
import { pluginOf } from './lab.js';

test.each<[string, string[] | undefined, string | undefined]>([
  ['never had any', undefined, undefined],
  ['the last is gone', [], undefined],
  ['one', ['a'], 'waiting for scheduling gates: [a]'],
  ['two, in their order', ['example.com/b', 'a'], 'waiting for scheduling gates: [example.com/b a]'],
])('SchedulingGates: %s', (_, gates, why) => {
  const spec = gates && { schedulingGates: gates.map((name) => ({ name })) };
  expect(pluginOf('SchedulingGates').preEnqueue!(pod('p', { spec }))).toBe(why);
});

type Queued = readonly [priority: number | undefined, turn: number];
test.each<[string, Queued, Queued, boolean]>([
  ['more important', [5, 2], [1, 1], true],
  ['less important', [1, 1], [5, 2], false],
  ['as important, and first', [1, 1], [1, 2], true],
  ['as important, and second', [1, 2], [1, 1], false],
  ['below none', [-1, 1], [undefined, 2], false],
  ['none is 0', [undefined, 1], [0, 2], true],
  ['the same', [1, 1], [1, 1], false],
])('PrioritySort: %s', (_, a, b, expected) => {
  const item = ([priority, turn]: Queued) => ({ pod: pod('p', { spec: { priority } }), turn });
  expect(pluginOf('PrioritySort').less!(item(a), item(b))).toBe(expected);
});

describe('DefaultBinder', () => {
  const bind = (post: (...said: unknown[]) => Promise<unknown>) =>
    pluginOf('DefaultBinder').bind!(pod('p'), nodeInfo(node('n1'), []), { client: { post } as unknown as Client } as PluginContext);

  test('writes a Binding of that very pod to its node', async () => {
    const written: unknown[] = [];
    await bind(async (_, name, subresource, body) => void written.push(name, subresource, body));
    expect(written).toEqual([
      { namespace: 'default', name: 'p' },
      'binding',
      {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name: 'p', namespace: 'default', uid: 'uid-p' },
        target: { apiVersion: 'v1', kind: 'Node', name: 'n1' },
      },
    ]);
  });

  test('what the API server says to that is its answer', async () => {
    const taken = new StatusError(409, 'Conflict', 'pod p is already assigned to node "n2"');
    await expect(bind(() => Promise.reject(taken))).rejects.toBe(taken);
  });
});
