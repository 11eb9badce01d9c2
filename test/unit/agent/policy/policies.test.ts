// When policies are written: a new pod waits for its rules, and not where no policy is about it; what changes nothing writes nothing.
import { describe, expect, it, vi } from 'vitest';
import { TABLE } from '../../../../agent/policy/names.js';
import { policedNetwork } from '../../../../agent/policy/network.js';
import { type Policies, startPolicies } from '../../../../agent/policy/policies.js';
import { renderPolicies } from '../../../../agent/policy/render.js';
import { RuleCheck } from '../../../../agent/policy/rule-check.js';
import { byNamespace, policyPod } from '../../../../agent/policy/world.js';
import { ExecError } from '../../../../agent/proxy/exec.js';
import type { Iptables } from '../../../../agent/proxy/iptables.js';
import type { PodNetwork, PodNetworkConfig } from '../../../../agent/runtime/network.js';
import { systemClock } from '../../../../src/apimachinery/clock.js';
import { silentLogger } from '../../../../src/apimachinery/logger.js';
import type { KubeObject } from '../../../../src/apimachinery/object.js';
import type { EventRecorder } from '../../../../src/client/events.js';
import { namespaces } from '../../../../src/kinds/core/namespace.js';
import { pods } from '../../../../src/kinds/core/pod.js';
import { networkPolicies } from '../../../../src/kinds/networking/networkpolicy.js';
import { FakeInformers } from '../fake-informers.js';
import { namespace, networkPolicy, pod } from '../objects.js';

/** Takes what it is told, slowly where it is held, and remembers it. */
class FakeIptables implements Iptables {
  readonly backend = 'nft';
  readonly inputs: string[] = [];
  fails = false;
  held: Promise<void> = Promise.resolve();

  async restore(input: string): Promise<void> {
    await this.held;
    if (this.fails) throw new ExecError('iptables-nft-restore', [], 4, 'lock held', '');
    this.inputs.push(input);
  }
  save = async () => `*${TABLE}\n:FORWARD ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\nCOMMIT\n`;
  saveAll = this.save;
  list = async () => [];
}

function start(...policies: ReturnType<typeof networkPolicy>[]) {
  const informers = new FakeInformers();
  informers.set(namespaces, namespace('default'));
  for (const policy of policies) informers.set(networkPolicies, policy);
  const iptables = new FakeIptables();
  const events: string[] = [];
  const recorder = {
    event: ({ metadata }: KubeObject, type: string, reason: string, message: string) =>
      events.push([metadata.name, type, reason, message].join(' ')),
  };
  const options = {
    informers,
    events: recorder as unknown as EventRecorder,
    nodeName: 'a',
    iptables,
    clock: systemClock,
    log: silentLogger,
    minInterval_ms: 1,
    checkInterval_ms: 60_000,
  };
  const running = startPolicies(options);
  return { informers, iptables, events, running };
}

const sandbox = (name: string): PodNetworkConfig => ({
  sandboxId: `s-${name}`,
  netns: '',
  name,
  namespace: 'default',
  uid: `uid-${name}`,
  portMappings: [],
});
const network = (ip: string): PodNetwork => ({ setUp: async () => [ip], tearDown: async () => {} }) as Partial<PodNetwork> as PodNetwork;
const setUp = (running: Policies, name: string, ip = '10.244.0.9') => policedNetwork(network(ip), () => running).setUp(sandbox(name));
const deny = networkPolicy('deny', {});

describe('a new pod', () => {
  it('has its address only when the policies hold for it, though the API does not know the address yet', async () => {
    const { informers, iptables, running } = start(deny);
    await running.whenSynced();
    informers.set(pods, pod('new', { node: 'a', phase: 'Pending' }));
    let write = () => {};
    iptables.held = new Promise((resolve) => {
      write = resolve;
    });
    let isUp = false;
    const up = setUp(running, 'new').then(() => {
      isUp = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(isUp).toBe(false);
    write();
    await up;
    expect(iptables.inputs.join('')).toContain('-d 10.244.0.9/32');
    await running.stop();
  });

  it('waits for the cache to show it', async () => {
    const { informers, iptables, running } = start(deny);
    await running.whenSynced();
    const up = setUp(running, 'late');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(iptables.inputs).toEqual([]);
    informers.set(pods, pod('late', { node: 'a', phase: 'Pending' }));
    await up;
    expect(iptables.inputs.join('')).toContain('-d 10.244.0.9/32');
    await running.stop();
  });

  it('does not come up where its rules cannot be written', async () => {
    const { informers, iptables, running } = start(deny);
    await running.whenSynced();
    informers.set(pods, pod('new', { node: 'a', phase: 'Pending' }));
    iptables.fails = true;
    await expect(setUp(running, 'new')).rejects.toThrow('lock held');
    await running.stop();
  });

  it('waits for nothing where its namespace has no policy', async () => {
    const { running, iptables } = start(networkPolicy('elsewhere', {}, 'other'));
    await running.whenSynced();
    expect(await setUp(running, 'free')).toEqual(['10.244.0.9']);
    expect(iptables.inputs).toEqual([]);
    await running.stop();
  });
});

describe('the rules', () => {
  it('are written again only where something that policies ask for has changed', async () => {
    const { informers, iptables, running } = start(deny, networkPolicy('allow', { ingress: [{ from: [{ podSelector: {} }] }] }));
    informers.set(pods, pod('web', { ip: '10.244.0.6', node: 'a' }));
    await vi.waitFor(() => expect(running.ruleSet.chains).toHaveLength(3));
    await running.whenSettled();
    const before = iptables.inputs.length;
    informers.set(pods, {
      ...pod('web', { ip: '10.244.0.6', node: 'a' }),
      status: { phase: 'Running', podIP: '10.244.0.6', message: 'x' },
    } as never);
    await running.whenSettled();
    expect(iptables.inputs).toHaveLength(before);
    informers.set(pods, pod('peer', { ip: '10.244.1.7', node: 'b' }));
    await running.whenSettled();
    const [change, ...more] = iptables.inputs.slice(before);
    expect(more).toEqual([]);
    expect(change!.match(/^:/gm)).toHaveLength(1);
    expect(change).toContain('-s 10.244.1.7/32');
    await running.stop();
  });

  it('that cannot be made are told of on the policy, once for as long as it lasts', async () => {
    const six = networkPolicy('six', { ingress: [{ from: [{ ipBlock: { cidr: 'fd00::/8' } }] }] });
    const { informers, events, running } = start(six);
    informers.set(pods, pod('web', { ip: '10.244.0.6', node: 'a' }));
    await vi.waitFor(() => expect(events).toHaveLength(1));
    informers.set(pods, pod('web-2', { ip: '10.244.0.7', node: 'a' }));
    await running.whenSettled();
    expect(events).toEqual(['six Warning NotEnforced ipBlock fd00::/8 matches nothing: only IPv4 is supported']);
    await running.stop();
  });

  it('are looked at rule by rule where they changed, and a rule less is found in any chain', () => {
    const world = { nodeName: 'a', clusterCidr: '10.244.0.0/16', dnsIp: '10.96.0.10', namespaces: new Map() };
    const rulesOf = (...names: string[]) => {
      const shown = names.map((name, i) => pod(name, { ip: `10.244.0.${i + 6}`, node: 'a' }));
      return renderPolicies([deny], { ...world, pods: byNamespace(shown.flatMap((one) => policyPod(one) ?? [])) });
    };
    const kernel = ({ chains, jumps }: ReturnType<typeof rulesOf>) =>
      [
        ':FORWARD ACCEPT [7:8]',
        ':INPUT ACCEPT [9:9]',
        ...chains.map(({ name }) => `:${name} - [0:0]`),
        ...jumps.map(({ line }) => line),
        ...chains.flatMap(({ text }) => text.split('\n').slice(0, -1)),
        '',
      ].join('\n');
    const check = new RuleCheck();
    const one = rulesOf('web');
    const two = rulesOf('web', 'web-2');
    for (const rules of [one, one, two, two]) expect(check.first(rules, kernel(rules))).toBeUndefined();
    for (const line of kernel(two)
      .split('\n')
      .filter((text) => text.startsWith('-A'))) {
      const [first, second] = [check.first(two, kernel(two).replace(`${line}\n`, '')), check.first(two, kernel(two))];
      expect([line, first?.kind, second]).toEqual([line, 'missing', undefined]);
    }
    expect(check.first(two, `${kernel(two)}-A ${two.chains[0]!.name} -j ACCEPT`)?.kind).toBe('foreign');
    expect(check.first(one, kernel(two))).toBeDefined();
  });

  it('of a pod that is gone go, and the address can be another pod’s', async () => {
    const { informers, running } = start(deny);
    informers.set(pods, pod('web', { ip: '10.244.0.6', node: 'a' }));
    await vi.waitFor(() => expect(running.ruleSet.chains.length).toBeGreaterThan(0));
    informers.remove(pods, 'default/web');
    await vi.waitFor(() => expect(running.ruleSet.chains).toEqual([]));
    await running.stop();
  });
});
