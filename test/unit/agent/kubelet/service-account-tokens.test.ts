// When the kubelet asks for a pod's token, and when it uses the one it has.
import { expect, it } from 'vitest';
import { ServiceAccountTokens } from '../../../../agent/kubelet/service-account-tokens.js';
import { silentLogger } from '../../../../src/apimachinery/logger.js';
import { serviceUnavailable } from '../../../../src/apimachinery/status.js';
import type { Client } from '../../../../src/client/client.js';
import type { Pod } from '../../../../src/kinds/types/core_v1.js';
import { ManualClock } from '../../client/fakes.js';

const podOf = (uid: string) =>
  ({ metadata: { name: `p-${uid}`, namespace: 'dev', uid }, spec: { serviceAccountName: 'robot', containers: [] } }) as unknown as Pod;

function lab() {
  const clock = new ManualClock();
  const asked: object[] = [];
  const state = { down: false };
  const client = {
    async post(_kind: unknown, name: object, subresource: string, { spec }: { spec: { expirationSeconds: number } }) {
      if (state.down) throw serviceUnavailable('away');
      asked.push({ ...name, subresource, ...spec });
      return {
        spec,
        status: { token: `t${asked.length}`, expirationTimestamp: new Date(clock.now() + spec.expirationSeconds * 1000).toISOString() },
      };
    },
  } as unknown as Client;
  const tokens = new ServiceAccountTokens({ client, clock, log: silentLogger });
  return {
    clock,
    asked,
    state,
    get: (pod: Pod, audience?: string, expirationSeconds = 3600) => tokens.get(pod, { audience, expirationSeconds }),
  };
}

it('is asked for once, bound to the pod, for each pod and audience', async () => {
  const { asked, get } = lab();
  expect([await get(podOf('1')), await get(podOf('1')), await get(podOf('2')), await get(podOf('1'), 'vault')]).toEqual([
    't1',
    't1',
    't2',
    't3',
  ]);
  expect(asked[0]).toEqual({
    namespace: 'dev',
    name: 'robot',
    subresource: 'token',
    audiences: [],
    expirationSeconds: 3600,
    boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'p-1', uid: '1' },
  });
  expect(asked[2]).toMatchObject({ audiences: ['vault'] });
});

it('is had anew after four fifths of its life, or a day', async () => {
  const { clock, get } = lab();
  await get(podOf('1'));
  await clock.advance(2879_000);
  expect(await get(podOf('1'))).toBe('t1');
  await clock.advance(2_000);
  expect(await get(podOf('1'))).toBe('t2');
  const week_s = 7 * 24 * 3600;
  expect(await get(podOf('2'), undefined, week_s)).toBe('t3');
  await clock.advance(24 * 3600_000 + 1000);
  expect(await get(podOf('2'), undefined, week_s)).toBe('t4');
});

it('goes on being used while no new one can be had, until it ends', async () => {
  const { clock, state, get } = lab();
  await get(podOf('1'));
  state.down = true;
  await clock.advance(3_000_000);
  expect(await get(podOf('1'))).toBe('t1');
  await clock.advance(700_000);
  await expect(get(podOf('1'))).rejects.toThrow('away');
  state.down = false;
  expect(await get(podOf('1'))).toBe('t2');
});
