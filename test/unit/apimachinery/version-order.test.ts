// Which of several API versions is preferred.
import { expect, it } from 'vitest';
import { compareVersions } from '../../../src/apimachinery/version-order.js';

it('prefers GA to beta to alpha, higher numbers, and names that are no versions last', () => {
  const order = ['v10', 'v2', 'v1', 'v11beta2', 'v10beta3', 'v3beta1', 'v12alpha1', 'v11alpha2', 'foo1', 'foo10', 'v01'];
  for (let seed = 0; seed < order.length; seed++) {
    const shuffled = [...order.slice(seed), ...order.slice(0, seed)];
    expect(shuffled.sort((a, b) => compareVersions(b, a))).toEqual(order);
  }
});
