// When an agent takes its node for moved.
import { expect, it } from 'vitest';
import { watchAddress } from '../../../agent/node-addresses.js';
import { ManualClock } from '../client/fakes.js';

it('a node has another address when that is found twice in a row; no way to the server says nothing', async () => {
  const clock = new ManualClock();
  const found = ['192.0.2.1', 'none', '192.0.2.2', '192.0.2.1', '192.0.2.3', 'none', '192.0.2.3', '192.0.2.3', '192.0.2.4'];
  const changes: string[] = [];
  const looked: string[] = [];
  watchAddress({
    address: '192.0.2.1',
    async find() {
      const next = found.shift()!;
      looked.push(next);
      if (next === 'none') throw new Error('network is unreachable');
      return next;
    },
    clock,
    changed: (address) => changes.push(address),
  });
  for (let i = 0; i < 9; i++) {
    await clock.advance(10_000);
    expect(changes).toEqual(looked.length < 8 ? [] : ['192.0.2.3']);
  }
  expect(looked).toHaveLength(8);
});
