// What is written to the kernel: only what changed, in one go; stale chains go; a foreign flush and a failure are made good.
import { describe, expect, it } from 'vitest';
import type { Exec } from '../../../../agent/proxy/exec.js';
import { render } from '../../../../agent/proxy/render.js';
import { cleanupRules, RuleWriter } from '../../../../agent/proxy/rule-writer.js';
import { silentLogger } from '../../../../src/apimachinery/logger.js';
import { nodeContext, service, slice } from '../objects.js';
import { FakeIptables } from './fake-iptables.js';

const node = nodeContext();
const svc = (n: number) =>
  service(`svc-${n}`, { clusterIP: `10.96.1.${n}`, ports: [{ name: '', protocol: 'UDP', port: 53, nodePort: 30000 + n }] });
const ends = (n: number, ...ips: string[]) =>
  slice(
    `svc-${n}`,
    ips.map((ip) => ({ ip })),
    [{ name: '', protocol: 'UDP', port: 53 }],
  );
const state = (n: number, ...ips: string[]) => render([svc(1), svc(2)], [ends(1, '10.244.0.9'), ends(n, ...ips)], node);
/** Tracks the given flows of clients: what they asked, and the endpoint that answers. Listing them is not recorded. */
const record =
  (commands: string[], flows: readonly string[] = []): Exec =>
  async (program, args) => {
    if (args[0] === '-L') return flows.map(trackedFlow).join('');
    commands.push([program, ...args].join(' '));
    return '';
  };
function trackedFlow(text: string): string {
  const [to, endpoint] = text.split(' ');
  const [ip, port] = to!.split(':');
  return `udp      17 28 src=10.244.1.3 dst=${ip} sport=40000 dport=${port} ${endpoint === ip ? '[UNREPLIED] ' : ''}src=${endpoint} dst=10.244.1.3 sport=53 dport=40000 mark=0 use=1\n`;
}
const setUp = (...flows: string[]) => {
  const iptables = new FakeIptables();
  const commands: string[] = [];
  const writer = new RuleWriter(iptables, record(commands, flows), silentLogger);
  return { iptables, commands, writer };
};
const sepOf = (chains: Map<string, string[]>) => [...chains.keys()].find((name) => name.startsWith('KUBE-SEP-'))!;
const udp = (...ips: string[]) => [
  { id: 'default/svc-2', ips: ['10.96.1.2'], nodePort: 30002, endpoints: ips.map((ip) => ({ ip, port: 53 })) },
];

describe('the rule writer', () => {
  it('writes only the chains that changed, and deletes those that nothing needs any more', async () => {
    const { iptables, writer } = setUp();
    await writer.write(state(2, '10.244.0.1', '10.244.0.2'), []);
    const before = iptables.inputs.length;
    await writer.write(state(2, '10.244.0.1', '10.244.0.3'), []);
    const [change, removal, ...more] = iptables.inputs.slice(before);
    expect(more).toEqual([]);
    expect(change!.match(/^:/gm)).toHaveLength(2);
    expect(change).toContain('10.244.0.3:53');
    expect(change).not.toContain('svc-1');
    expect(removal!.match(/^-X KUBE-SEP-/gm)).toHaveLength(1);
    await writer.write(state(2, '10.244.0.1', '10.244.0.3'), []);
    expect(iptables.inputs).toHaveLength(before + 2);
  });

  it('takes over what an earlier run left: stale chains go, the jumps are not doubled', async () => {
    const { iptables, writer, commands } = setUp();
    await writer.write(state(2, '10.244.0.1'), []);
    const again = new RuleWriter(iptables, record(commands, ['10.96.1.2:53 10.244.0.1']), silentLogger);
    await again.write(state(2), []);
    expect(await iptables.list('nat', 'PREROUTING')).toHaveLength(1);
    expect(iptables.chains('nat').filter((name) => name.startsWith('KUBE-SEP-'))).toHaveLength(1);
    expect(commands).toContain('conntrack -D -p udp --dst-nat 10.244.0.1');
  });

  it('after a failure writes everything again', async () => {
    const { iptables, writer } = setUp();
    await writer.write(state(2, '10.244.0.1'), []);
    iptables.failNext = true;
    await expect(writer.write(state(2, '10.244.0.2'), [])).rejects.toThrow('lock held');
    await writer.write(state(2, '10.244.0.2'), []);
    expect(iptables.inputs.at(-2)).toContain('KUBE-MARK-MASQ');
    expect(iptables.chains('nat').filter((name) => name.startsWith('KUBE-SEP-'))).toHaveLength(2);
  });

  it.each(['nat', 'filter'] as const)('notices that the %s table was flushed', async (table) => {
    const { iptables, writer } = setUp();
    await writer.write(state(2, '10.244.0.1'), []);
    expect(await writer.isIntact()).toBe(true);
    iptables.flush(table);
    expect(await writer.isIntact()).toBe(false);
    writer.forget();
    await writer.write(state(2, '10.244.0.1'), []);
    expect(await writer.isIntact()).toBe(true);
  });

  it.each([
    ['a rule less in one chain', (chains: Map<string, string[]>) => chains.get(sepOf(chains))!.pop()],
    ['a rule more in one chain', (chains: Map<string, string[]>) => chains.get('KUBE-SERVICES')!.push('-A KUBE-SERVICES -j ACCEPT')],
    ['one chain less', (chains: Map<string, string[]>) => chains.delete(sepOf(chains))],
    ['a jump less', (chains: Map<string, string[]>) => chains.get('PREROUTING')!.pop()],
  ])('notices %s', async (_what, change) => {
    const { iptables, writer } = setUp();
    await writer.write(state(2, '10.244.0.1'), []);
    change(iptables.tables.nat);
    expect(await writer.isIntact()).toBe(false);
    writer.forget();
    await writer.write(state(2, '10.244.0.1'), []);
    expect(await writer.isIntact()).toBe(true);
  });

  it('takes no change of its own for one of somebody else', async () => {
    const { iptables, writer } = setUp();
    await writer.write(state(2, '10.244.0.1'), []);
    const saved = await iptables.saveAll();
    iptables.saveAll = async () => {
      await writer.write(state(2, '10.244.0.2'), []);
      return saved;
    };
    expect(await writer.isIntact()).toBe(true);
  });

  it('ends UDP flows to endpoints that are gone, and those from before there were any', async () => {
    const { writer, commands } = setUp('10.96.1.2:53 10.244.0.1', '192.168.1.10:30002 10.244.0.1', '10.96.1.2:53 10.96.1.2');
    await writer.write(state(2, '10.244.0.1'), udp('10.244.0.1'));
    commands.length = 0;
    await writer.write(state(2, '10.244.0.2'), udp('10.244.0.2'));
    expect(commands).toEqual([
      'conntrack -D -p udp --orig-dst 10.96.1.2 --dst-nat 10.244.0.1',
      'conntrack -D -p udp --orig-port-dst 30002 --dst-nat 10.244.0.1',
    ]);
    commands.length = 0;
    await writer.write(state(2), udp());
    await writer.write(state(2, '10.244.0.2'), udp('10.244.0.2'));
    expect(commands).toEqual(['conntrack -D -p udp --orig-dst 10.96.1.2', 'conntrack -D -p udp --orig-port-dst 30002']);
  });

  it('runs a program only for UDP flows that there are, and one for very many to the same Service', async () => {
    const many = Array.from({ length: 1000 }, (_, i) => `10.244.${2 + (i >> 8)}.${i & 255}`);
    const { writer, commands } = setUp('10.96.1.9:53 10.244.0.1', ...many.map((ip) => `10.96.1.2:53 ${ip}`));
    await writer.write(state(2, '10.244.0.1'), udp('10.244.0.1', ...many));
    commands.length = 0;
    await writer.write(state(2, '10.244.0.2'), udp('10.244.0.2', ...many));
    expect(commands).toEqual([]);
    await writer.write(state(2, '10.244.0.2'), udp('10.244.0.2'));
    expect(commands).toEqual(['conntrack -D -p udp --orig-dst 10.96.1.2']);
  });

  it('cleans up everything of ours and nothing else', async () => {
    const { iptables, writer } = setUp();
    await iptables.restore('*nat\n:MINE - [0:0]\n-A MINE -j RETURN\n-A PREROUTING -j MINE\n:KUBE-KUBELET-CANARY - [0:0]\nCOMMIT\n');
    const clean = await iptables.save('nat');
    await writer.write(state(2, '10.244.0.1'), []);
    await cleanupRules(iptables);
    expect(await iptables.save('nat')).toBe(clean);
    expect(iptables.chains('filter')).toEqual(['INPUT', 'FORWARD', 'OUTPUT']);
  });
});
