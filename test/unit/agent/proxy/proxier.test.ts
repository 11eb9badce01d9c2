// What kube-proxy does as time goes by, on a simulated clock: nothing while nothing changes, and seconds until what was taken out is back.
import { describe, expect, it } from 'vitest';
import { ProxyMetrics } from '../../../../agent/proxy/metrics.js';
import { startProxier } from '../../../../agent/proxy/proxier.js';
import { silentLogger } from '../../../../src/apimachinery/logger.js';
import { nodes } from '../../../../src/kinds/core/node.js';
import { services } from '../../../../src/kinds/core/service.js';
import { endpointSlices } from '../../../../src/kinds/discovery/endpointslice.js';
import { ManualClock, settle } from '../../client/fakes.js';
import { FakeInformers } from '../fake-informers.js';
import { node, nodeContext, service, slice } from '../objects.js';
import { FakeIptables } from './fake-iptables.js';

const INTERVAL_MS = 3_000;
const HOUR_MS = 3_600_000;

async function start() {
  const clock = new ManualClock();
  const iptables = new FakeIptables();
  const informers = new FakeInformers();
  informers.set(nodes, node('node-0', '192.168.1.10', '10.244.0.0/24'));
  informers.set(services, service('web', { clusterIP: '10.96.1.1', ports: [{ name: '', protocol: 'TCP', port: 80 }] }));
  informers.set(endpointSlices, slice('web', [{ ip: '10.244.0.5' }]));
  const { nodeName, nodeIp, clusterCidr, ...policy } = nodeContext();
  const proxier = startProxier({
    ...{ informers, nodeName, nodeIp, clusterCidr, policy, iptables, clock },
    metrics: new ProxyMetrics(clock),
    exec: async () => '',
    log: silentLogger,
    minInterval_ms: 100,
    checkInterval_ms: INTERVAL_MS,
  });
  await clock.advance(0);
  await proxier.whenSynced();
  return { clock, iptables, informers, proxier };
}

describe('kube-proxy', () => {
  it('changes no rule while the control plane is away for an hour, and goes on where it was', async () => {
    const { clock, iptables, informers, proxier } = await start();
    const [before, written] = [await iptables.saveAll(), iptables.inputs.length];
    expect(before).toContain('10.244.0.5:8080');
    await clock.advance(HOUR_MS);
    expect([await iptables.saveAll(), iptables.inputs.length]).toEqual([before, written]);
    informers.set(endpointSlices, slice('web', [{ ip: '10.244.0.6' }]));
    await clock.advance(0);
    expect(await iptables.saveAll()).toContain('10.244.0.6:8080');
    await proxier.stop();
  });

  it.each([
    ['one jump', (tables: FakeIptables['tables']) => tables.nat.get('PREROUTING')!.pop()],
    [
      'one chain of one Service',
      (tables: FakeIptables['tables']) => tables.nat.get([...tables.nat.keys()].find((name) => name.startsWith('KUBE-SVC-'))!)!.splice(0),
    ],
    ['a whole table', (tables: FakeIptables['tables']) => [...tables.filter.values()].map((rules) => rules.splice(0))],
  ])('puts back %s within the interval of its looks', async (_what, takeOut) => {
    const { clock, iptables, proxier } = await start();
    await clock.advance(HOUR_MS / 60);
    const before = await iptables.saveAll();
    takeOut(iptables.tables);
    expect(await iptables.saveAll()).not.toBe(before);
    await clock.advance(INTERVAL_MS + 100);
    await settle();
    expect(await iptables.saveAll()).toBe(before);
    await proxier.stop();
  });
});
