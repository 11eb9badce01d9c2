// Network policies on real namespaces with real iptables, in both backends: what gets through and what does not, by curl, UDP and DNS.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { KubeObject } from '../../../src/apimachinery/object.js';
import type { Proxyz } from '../../../src/client/proxyz.js';
import type { NetworkPolicySpec } from '../../../src/kinds/types/networking_v1.js';
import { namespace, networkPolicy, node, pod, service, slice } from '../../unit/agent/objects.js';
import { Lab, type Place, type Pod, type Worker } from './lab.js';

const NODE_A = '192.168.77.10';
const NODE_B = '192.168.77.11';
const WEB = '10.96.7.7';
const DNS = '10.96.0.10';
const SOON = { timeout: 10_000, interval: 30 };
/** Long for a packet that is let through here, short for a test. */
const WAIT_S = 0.7;
const REFUSED = 'curl exit 7';
const DENIED = 'curl exit 28';

const from = (...peers: NonNullable<NonNullable<NetworkPolicySpec['ingress']>[0]['from']>) => ({ ingress: [{ from: peers }] });
const of = (app: string) => ({ podSelector: { matchLabels: { app } } });

describe.each(['nft', 'legacy'] as const)('network policies on two nodes, iptables backend %s', (backend) => {
  const lab = new Lab(backend);
  let lan: Place;
  let nodeA: Place;
  let nodeB: Place;
  let client: Pod;
  let web: Pod;
  let far: Pod;
  let mainA: Worker;
  let mainB: Worker;
  let mains: readonly Worker[];

  const tell = (...set: KubeObject[]) => Promise.all(mains.map((main) => main.ask({ set })));
  const policies = new Set<string>();
  /** Makes these the only policies; resolves when the rules of both nodes are theirs. */
  const only = async (...wanted: ReturnType<typeof networkPolicy>[]) => {
    const keep = new Set(wanted.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`));
    for (const key of policies)
      if (!keep.has(key)) await Promise.all(mains.map((main) => main.ask({ remove: { kind: 'NetworkPolicy', key } })));
    for (const key of [...policies]) if (!keep.has(key)) policies.delete(key);
    for (const key of keep) policies.add(key);
    await tell(...wanted);
    await Promise.all(mains.map((main) => main.ask({ policies: true })));
  };
  const reach = (place: Place, url: string) => place.curl(url, WAIT_S);
  const webUrl = () => `${web.ip}:8080`;
  const tellPods = (...more: KubeObject[]) =>
    tell(
      pod('client', { ip: client.ip, node: 'a', labels: { app: 'client' } }),
      pod('web', {
        ip: web.ip,
        node: 'a',
        labels: { app: 'web' },
        spec: { containers: [{ name: 'web', ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }] }] as never },
      }),
      pod('far', { ip: far.ip, node: 'b', namespace: 'other', labels: { app: 'far' } }),
      ...more,
    );

  beforeAll(async () => {
    lan = await lab.lan();
    [nodeA, nodeB] = [await lab.node(0), await lab.node(1)];
    await nodeA.exec('ip', ['route', 'add', 'default', 'via', '192.168.77.1']);
    await nodeA.exec(`iptables-${backend}`, ['-P', 'FORWARD', 'DROP']);
    [client, web, far] = [await lab.pod('client', 0, 5), await lab.pod('web', 0, 6), await lab.pod('far', 1, 5)];
    await lab.podServer(lan, 'outside');
    mainA = await lab.nodeMain(nodeA, ['a', NODE_A, backend]);
    mainB = await lab.nodeMain(nodeB, ['b', NODE_B, backend]);
    mains = [mainA, mainB];
    await tell(
      node('a', NODE_A, '10.244.0.0/24'),
      node('b', NODE_B, '10.244.1.0/24'),
      namespace('default'),
      namespace('other', { team: 'blue' }),
      namespace('kube-system'),
      service('web', { type: 'NodePort', clusterIP: WEB, ports: [{ name: '', protocol: 'TCP', port: 80, nodePort: 30080 }] }),
      slice('web', [{ ip: web.ip, node: 'a', pod: 'web' }]),
      service(
        'kube-dns',
        { clusterIP: DNS, internalTrafficPolicy: 'Local', ports: [{ name: 'dns', protocol: 'UDP', port: 53 }] },
        'kube-system',
      ),
      ...[
        ['a', NODE_A],
        ['b', NODE_B],
      ].map(([name, ip]) =>
        slice('kube-dns', [{ ip: ip!, node: name! }], [{ name: 'dns', protocol: 'UDP', port: 10053 }], {
          namespace: 'kube-system',
          name: `kube-dns-${name}`,
        }),
      ),
    );
    await tellPods();
    await Promise.all(mains.map((main) => main.ask({ synced: true })));
    await vi.waitFor(async () => expect(await reach(far, webUrl())).toBe(`web ${far.ip}`), SOON);
  }, 120_000);

  afterAll(() => lab.close(), 30_000);

  it('a denial of all ingress leaves the node, the pod itself and connections that the pod makes', async () => {
    await only(networkPolicy('deny', { podSelector: { matchLabels: { app: 'web' } } }));
    expect(await reach(client, webUrl())).toBe(DENIED);
    expect(await reach(far, webUrl())).toBe(DENIED);
    expect(await reach(client, WEB)).toBe(DENIED);
    expect(await reach(lan, `${NODE_B}:30080`)).toBe(DENIED);
    expect(await reach(nodeA, webUrl())).toMatch(/^web /);
    expect(await reach(web, WEB)).toMatch(/^web /);
    expect(await reach(web, webUrl())).toMatch(/^web /);
    expect(await reach(web, `${client.ip}:8080`)).toMatch(/^client /);
    // Other pods are not concerned.
    expect(await reach(far, `${client.ip}:8080`)).toMatch(/^client /);
  });

  it('policies add up: pods by labels, pods of namespaces, and both at once, also through the Service', async () => {
    const deny = networkPolicy('deny', {});
    await only(deny, networkPolicy('pods', { podSelector: { matchLabels: { app: 'web' } }, ...from(of('client')) }));
    expect(await reach(client, webUrl())).toMatch(/^web /);
    expect(await reach(client, WEB)).toBe(`web ${client.ip}`);
    expect(await reach(far, webUrl())).toBe(DENIED);
    await only(
      deny,
      networkPolicy('blue', from({ namespaceSelector: { matchLabels: { team: 'blue' } }, ...of('far') })),
      networkPolicy('pods', { podSelector: { matchLabels: { app: 'web' } }, ...from(of('client')) }),
    );
    expect(await reach(far, webUrl())).toMatch(/^web /);
    expect(await reach(far, WEB)).toBe(`web ${far.ip}`);
    expect(await reach(client, webUrl())).toMatch(/^web /);
    // Labels of a namespace count as they change.
    await tell(namespace('other', { team: 'red' }));
    await vi.waitFor(async () => expect(await reach(far, webUrl())).toBe(DENIED), SOON);
    await tell(namespace('other', { team: 'blue' }));
    // And so do those of pods.
    await tell(pod('far', { ip: far.ip, node: 'b', namespace: 'other', labels: { app: 'other' } }));
    await vi.waitFor(async () => expect(await reach(far, webUrl())).toBe(DENIED), SOON);
    await tellPods();
  });

  it('ipBlock with exceptions is about whoever sends the packets to the node', async () => {
    await only(networkPolicy('block', from({ ipBlock: { cidr: '10.244.0.0/16', except: ['10.244.1.0/24'] } })));
    expect(await reach(client, webUrl())).toMatch(/^web /);
    expect(await reach(far, webUrl())).toBe(DENIED);
    expect(await reach(lan, `${NODE_A}:30080`)).toBe(DENIED);
    await only(networkPolicy('block', from({ ipBlock: { cidr: '192.168.77.1/32' } })));
    expect(await reach(lan, `${NODE_A}:30080`)).toMatch(/^web /);
    expect(await reach(client, webUrl())).toBe(DENIED);
    await only(networkPolicy('block', from({ ipBlock: { cidr: '0.0.0.0/0' } })));
    expect(await reach(client, webUrl())).toMatch(/^web /);
  });

  it('ports by number, range and name, and by protocol', async () => {
    const ports = (...list: NonNullable<NonNullable<NetworkPolicySpec['ingress']>[0]['ports']>) =>
      networkPolicy('ports', { ingress: [{ ports: list }] });
    const udp = (from: Pod) => from.worker.ask({ command: 'udp', host: web.ip, port: 8053 });
    await only(ports({ port: 8080, protocol: 'TCP' }));
    expect(await reach(client, webUrl())).toMatch(/^web /);
    expect(await reach(client, `${web.ip}:8081`)).toBe(DENIED);
    expect(await udp(client)).not.toMatch(/^web /);
    await only(ports({ port: 8000, endPort: 9000, protocol: 'UDP' }, { port: 8081, endPort: 8085, protocol: 'TCP' }));
    expect(await udp(client)).toMatch(/^web /);
    expect(await reach(client, `${web.ip}:8081`)).toBe(REFUSED);
    expect(await reach(client, webUrl())).toBe(DENIED);
    await only(ports({ port: 'http', protocol: 'TCP' }));
    expect(await reach(far, webUrl())).toMatch(/^web /);
    expect(await reach(far, `${web.ip}:8081`)).toBe(DENIED);
  });

  it('egress: nothing goes out, not even questions to DNS, until a policy says so; replies do', async () => {
    const deny = networkPolicy('deny', { podSelector: { matchLabels: { app: 'client' } }, policyTypes: ['Egress'] });
    const resolve = (server = DNS) => client.worker.ask({ command: 'resolve', name: 'web.default.svc.cluster.local', type: 'A', server });
    await only(deny);
    expect(await reach(client, webUrl())).toBe(DENIED);
    expect(await reach(client, '192.168.77.1:8080')).toBe(DENIED);
    expect(await resolve()).not.toEqual([WEB]);
    expect(await reach(far, `${client.ip}:8080`)).toMatch(/^client /);
    const egress = (...rules: NonNullable<NetworkPolicySpec['egress']>) =>
      networkPolicy('allow', { podSelector: { matchLabels: { app: 'client' } }, policyTypes: ['Egress'], egress: rules });
    const port53 = [{ port: 53, protocol: 'UDP' as const }];
    await only(deny, egress({ ports: port53 }));
    expect(await resolve()).toEqual([WEB]);
    await only(
      deny,
      egress({
        ports: port53,
        to: [
          {
            namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
            podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
          },
        ],
      }),
    );
    expect(await resolve()).toEqual([WEB]);
    expect(await reach(client, WEB)).toBe(DENIED);
    await only(deny, egress({ to: [of('web')], ports: [{ port: 'http', protocol: 'TCP' }] }));
    expect(await reach(client, WEB)).toMatch(/^web /);
    expect(await reach(client, `${far.ip}:8080`)).toBe(DENIED);
    await only(deny, egress({ to: [{ ipBlock: { cidr: '192.168.77.0/24' } }] }));
    expect(await reach(client, '192.168.77.1:8080')).toMatch(/^outside /);
    expect(await reach(client, webUrl())).toBe(DENIED);
  });

  it('follows the pods, writes only what changed, and leaves nothing when the last policy goes', async () => {
    const writes = () => mainA.log.length;
    await only(networkPolicy('web', { podSelector: { matchLabels: { app: 'web' } }, ...from(of('client')) }));
    const before = writes();
    // What concerns no policy writes nothing.
    await tell(pod('far', { ip: far.ip, node: 'b', namespace: 'other', labels: { app: 'far' }, phase: 'Running' }));
    await tell(pod('client', { ip: client.ip, node: 'a', labels: { app: 'stranger' } }));
    await vi.waitFor(async () => expect(await reach(client, webUrl())).toBe(DENIED), SOON);
    expect(writes()).toBe(before);
    await only();
    expect(await reach(client, webUrl())).toMatch(/^web /);
    const left = await nodeA.exec(`iptables-${backend}-save`, ['-t', 'mangle']);
    expect(left).not.toContain('NETPOL');
    await tellPods();
  });

  describe('the glass box', () => {
    const look = (main: Worker, query = '') => main.ask({ proxyz: query }) as Promise<Proxyz>;
    const rule = (program: string, ...args: string[]) => nodeA.exec(`iptables-${backend}`, ['-w', '5', ...program.split(' '), ...args]);

    it('shows the rules of a Service in the order of a packet, with counters, and that they are as they should be', async () => {
      await only(networkPolicy('web', { podSelector: { matchLabels: { app: 'web' } }, ...from(of('client')) }));
      await tell(
        service('sticky', {
          clusterIP: '10.96.7.9',
          sessionAffinity: 'ClientIP',
          ports: [{ name: 'u', protocol: 'UDP', port: 53 }],
        }),
        slice('sticky', [{ ip: web.ip }, { ip: far.ip }, { ip: client.ip }], [{ name: 'u', protocol: 'UDP', port: 8053 }]),
        service('empty', { type: 'NodePort', clusterIP: '10.96.7.10', ports: [{ name: '', protocol: 'UDP', port: 1, nodePort: 30001 }] }),
      );
      await vi.waitFor(async () => {
        const all = await look(mainA);
        expect(all.services.find(({ name }) => name === 'sticky')?.rules.map(({ role }) => role)).toContain('session affinity');
        expect([all.differences, all.problems]).toEqual([[], []]);
      }, SOON);
      expect(await reach(client, WEB)).toMatch(/^web /);
      const { services } = await look(mainA, 'service=default/web');
      expect(services).toHaveLength(1);
      const rows = services[0]!.rules.map(({ table, depth, role, state }) => `${table} ${depth} ${role} ${state}`);
      expect(rows.slice(0, 5)).toEqual([
        'nat 0 cluster IP ok',
        'nat 1 masquerade for clients outside the pod network ok',
        'nat 1 choice ok',
        'nat 2 hairpin ok',
        'nat 2 endpoint ok',
      ]);
      const [entry, , choice] = services[0]!.rules;
      expect(entry).toMatchObject({ chain: 'KUBE-SERVICES', match: `-d ${WEB}/32 -p tcp -m tcp --dport 80` });
      expect(entry!.packets).toBeGreaterThan(0);
      expect(choice).toMatchObject({ endpoint: `${web.ip}:8080` });
      expect(services[0]!.endpoints).toEqual([
        { port: '8080', protocol: 'TCP', address: `${web.ip}:8080`, target: 'pod default/web', node: 'a', ready: true, terminating: false },
      ]);
      await expect(look(mainA, 'service=default/web')).resolves.toMatchObject({ node: 'a', backend });
    });

    it('walks from a pod: the name, the policies of both ends, the route, and who listens', async () => {
      const way = async (main: Worker, pod: Pod) => (await look(main, `service=default/web&from=${pod.ip}`)).walk!;
      const allowed = await way(mainA, client);
      expect(allowed.dns).toMatchObject({ name: 'web.default.svc.cluster.local', answer: [WEB], verdict: { allowed: true } });
      expect(allowed.endpoints).toEqual([
        {
          address: `${web.ip}:8080`,
          protocol: 'TCP',
          verdict: { allowed: true, by: ['policy default/web ingress rule 1: from pod default/client'] },
          route: { route: '10.244.0.0/24 dev cni0' },
          listening: 'yes',
        },
      ]);
      const denied = 'policy default/web: no ingress rule allows it';
      expect((await way(mainA, far)).endpoints[0]!.verdict).toEqual({ allowed: false, by: [denied] });
      const seenFromB = (await way(mainB, far)).endpoints[0]!;
      expect([seenFromB.verdict.allowed, seenFromB.listening, seenFromB.route.route]).toEqual([
        true,
        undefined,
        `10.244.0.0/24 via ${NODE_A} dev eth0`,
      ]);
    });

    it('tells what is missing, what is foreign and what is changed', async () => {
      const chainOf = async (role: string) =>
        (await look(mainA, 'service=default/web')).services[0]!.rules.find((row) => row.role === role)!.chain;
      const svc = await chainOf('choice');
      await rule('-A FORWARD -s 203.0.113.7/32 -j DROP');
      // What is changed is put right within moments: it is done again until it has been seen.
      await vi.waitFor(async () => {
        await rule('-t nat -F', svc);
        const { differences, services } = await look(mainA, 'service=default/web');
        expect(differences.map(({ kind, chain, about }) => [kind, chain, about])).toEqual([
          ['missing', svc, 'Service default/web'],
          ['missing', svc, 'Service default/web'],
        ]);
        expect(services[0]!.rules.filter(({ state }) => state === 'missing')).toHaveLength(2);
      }, SOON);
      const more = await vi.waitFor(async () => {
        await rule('-t nat -A KUBE-MARK-MASQ -j RETURN');
        const looked = await look(mainA);
        expect(looked.differences).toContainEqual({
          table: 'nat',
          chain: 'KUBE-MARK-MASQ',
          kind: 'foreign',
          actual: '-A KUBE-MARK-MASQ -j RETURN',
        });
        return looked;
      }, SOON);
      expect(more.others).toContain('filter -A FORWARD -s 203.0.113.7/32 -j DROP');
      await rule('-D FORWARD -s 203.0.113.7/32 -j DROP');
      await vi.waitFor(async () => expect((await look(mainA)).differences).toEqual([]), SOON);
    });
  });

  it('holds while its agent is away, and is put back after another program flushed the table', async () => {
    await only(networkPolicy('deny', { podSelector: { matchLabels: { app: 'web' } } }));
    await nodeA.exec(`iptables-${backend}`, ['-t', 'mangle', '-F']);
    await vi.waitFor(async () => expect(await reach(client, webUrl())).toBe(DENIED), SOON);
    expect(mainA.log).toContain('rules of network policies were changed by another program');
    // Also where only one chain was: without its last rule it would let everybody through.
    const chain = /:(NETPOL-IN-\w+)/.exec(await nodeA.exec(`iptables-${backend}-save`, ['-t', 'mangle']))![1]!;
    await nodeA.exec(`iptables-${backend}`, ['-w', '5', '-t', 'mangle', '-F', chain]);
    await vi.waitFor(async () => expect(await reach(client, webUrl())).toBe(DENIED), SOON);
    await mainA.kill();
    expect(await reach(client, webUrl())).toBe(DENIED);
  });
});
