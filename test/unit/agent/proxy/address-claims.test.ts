// Whose an address is that several Services claim, and who is told when it changes hands.
import { describe, expect, it } from 'vitest';
import { AddressClaims } from '../../../../agent/proxy/address-claims.js';
import type { Service } from '../../../../src/kinds/types/core_v1.js';
import { service } from '../objects.js';

const IP = '203.0.113.9';
function claimant(name: string, day: number, spec: object = {}): Service {
  const made = service(name, { clusterIP: `10.96.1.${day}`, externalIPs: [IP], ports: [{ name: '', protocol: 'TCP', port: 80 }], ...spec });
  return { ...made, metadata: { ...made.metadata, creationTimestamp: `2026-01-0${day}T00:00:00Z` } };
}
const lost = (claims: AddressClaims, name: string) => [...claims.taken(`default/${name}`)];

describe('an address that two Services claim', () => {
  it('is the older one’s, in whatever order they are seen', () => {
    for (const order of [
      ['old', 'young'],
      ['young', 'old'],
    ]) {
      const claims = new AddressClaims();
      for (const name of order) claims.set(`default/${name}`, claimant(name, name === 'old' ? 1 : 2));
      expect(lost(claims, 'old')).toEqual([]);
      expect(lost(claims, 'young')).toEqual([[`${IP}:80/tcp`, 'default/old']]);
    }
  });

  it('is the next one’s when the first gives it up, and both hear of it', () => {
    const claims = new AddressClaims();
    claims.set('default/old', claimant('old', 1));
    expect(claims.set('default/young', claimant('young', 2)).has('default/old')).toBe(false);
    expect(claims.set('default/old', claimant('old', 1, { externalIPs: [] })).has('default/young')).toBe(true);
    expect(lost(claims, 'young')).toEqual([]);
    expect([...claims.set('default/old', claimant('old', 1))].sort()).toEqual(['default/old', 'default/young']);
    expect([...claims.set('default/old', undefined)]).toEqual(['default/young']);
  });

  it('is never taken from the Service whose cluster IP it is', () => {
    const claims = new AddressClaims();
    claims.set('default/thief', claimant('thief', 1, { externalIPs: ['10.96.1.2'] }));
    claims.set('default/victim', claimant('victim', 2, { externalIPs: [] }));
    expect(lost(claims, 'victim')).toEqual([]);
    expect(lost(claims, 'thief')).toEqual([['10.96.1.2:80/tcp', 'default/victim']]);
  });

  it('can be shared by ports and by protocols', () => {
    const claims = new AddressClaims();
    claims.set('default/tcp', claimant('tcp', 1));
    claims.set('default/udp', claimant('udp', 2, { ports: [{ name: '', protocol: 'UDP', port: 80 }] }));
    claims.set('default/other', claimant('other', 3, { ports: [{ name: '', protocol: 'TCP', port: 81 }] }));
    for (const name of ['tcp', 'udp', 'other']) expect(lost(claims, name)).toEqual([]);
  });
});
