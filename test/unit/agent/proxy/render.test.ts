// What rules Services become: the tables say what a user expects, the properties what must hold whatever is in an object.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PROXY } from '../../../../agent/proxy/names.js';
import { render } from '../../../../agent/proxy/render.js';
import { restoreInput } from '../../../../agent/proxy/restore.js';
import type { RuleSet } from '../../../../agent/proxy/rules.js';
import type { NodeContext } from '../../../../agent/proxy/service-rules.js';
import type { Service } from '../../../../src/kinds/types/core_v1.js';
import type { EndpointSlice } from '../../../../src/kinds/types/discovery_v1.js';
import { service, slice, type TestEndpoint } from '../objects.js';

const here: NodeContext = { nodeName: 'node-0', clusterCidr: '10.244.0.0/16', podCidr: '10.244.0.0/24' };
const web = service('web', { clusterIP: '10.96.5.5', ports: [{ name: '', protocol: 'TCP', port: 80 }] });
const np = service('web', { type: 'NodePort', clusterIP: '10.96.5.5', ports: [{ name: '', protocol: 'TCP', port: 80, nodePort: 30080 }] });
const two: TestEndpoint[] = [
  { ip: '10.244.0.5', node: 'node-0', pod: 'web-a' },
  { ip: '10.244.1.6', node: 'node-1', pod: 'web-b' },
];

const textOf = (rules: RuleSet, prefix: string, table = 'nat') =>
  rules.chains
    .filter((c) => c.table === table && c.name.startsWith(prefix))
    .map((c) => c.text.replace(/KUBE-(S..|EXT)-\w{16}/g, 'KUBE-$1-x'));
const draw = (s: Service, endpoints: readonly TestEndpoint[], ports?: EndpointSlice['ports'], node = here) =>
  render([s], [slice(s.metadata.name, endpoints, ports)], node);

describe('a Service with two endpoints', () => {
  it('sends its cluster IP to one of them at random, and says which pod it is', () => {
    const rules = draw(web, two);
    expect(textOf(rules, 'KUBE-SERVICES')[0]).toContain(
      '-A KUBE-SERVICES -d 10.96.5.5/32 -p tcp -m tcp --dport 80 -m comment --comment "default/web cluster IP" -j KUBE-SVC-x\n',
    );
    expect(textOf(rules, 'KUBE-SVC')[0]!.split('\n').slice(1, 3)).toEqual([
      '-A KUBE-SVC-x -m statistic --mode random --probability 0.5000000000 -m comment --comment "default/web -> 10.244.0.5:8080 pod default/web-a" -j KUBE-SEP-x',
      '-A KUBE-SVC-x -m comment --comment "default/web -> 10.244.1.6:8080 pod default/web-b" -j KUBE-SEP-x',
    ]);
    expect(textOf(rules, 'KUBE-SEP')[0]).toContain('-j DNAT --to-destination 10.244.0.5:8080\n');
  });

  it('masquerades clients outside the pod network, and a pod that reaches itself', () => {
    const rules = draw(web, two);
    expect(textOf(rules, 'KUBE-SVC')[0]).toContain('! -s 10.244.0.0/16 -d 10.96.5.5/32');
    expect(textOf(rules, 'KUBE-SEP')[0]).toContain(
      '-s 10.244.0.5/32 -m comment --comment "default/web pod default/web-a" -j KUBE-MARK-MASQ',
    );
  });

  it('tells of each rule which object it stands for', () => {
    const rule = draw(web, two).chains.find((c) => c.name.startsWith('KUBE-SEP'))!.rules[1]!;
    expect(rule.about).toEqual({
      kind: 'Service',
      namespace: 'default',
      name: 'web',
      port: '80',
      endpoint: '10.244.0.5:8080',
      target: 'pod default/web-a',
      role: 'endpoint',
    });
  });

  it('gives a node port its own chain, also on a node without a pod', () => {
    const rules = draw(np, two, undefined, { ...here, nodeName: 'node-9' });
    expect(textOf(rules, 'KUBE-NODEPORTS')[0]).toContain('--dport 30080 -m comment --comment "default/web" -j KUBE-EXT-x');
    expect(textOf(rules, 'KUBE-EXT')[0]).toMatch(/KUBE-MARK-MASQ\n.*-j KUBE-SVC-x\n$/);
  });

  it('keeps a client on one endpoint with sessionAffinity ClientIP', () => {
    const rules = draw({ ...web, spec: { ...web.spec, sessionAffinity: 'ClientIP' } }, two);
    expect(textOf(rules, 'KUBE-SVC')[0]).toContain('-m recent --name KUBE-SEP-x --rcheck --seconds 10800 --reap');
    expect(textOf(rules, 'KUBE-SEP')[0]).toContain('-m recent --name KUBE-SEP-x --set');
  });
});

describe('which endpoints are used', () => {
  const addresses = (rules: RuleSet) => rules.chains.filter((c) => c.name.startsWith('KUBE-SEP')).map((c) => c.rules[1]!.about.endpoint);
  it.each<[string, TestEndpoint[], string[]]>([
    ['only ready ones', [{ ip: '10.244.0.5' }, { ip: '10.244.0.6', ready: false }], ['10.244.0.5:8080']],
    ['none that is not ready', [{ ip: '10.244.0.6', ready: false }], []],
    [
      'ending ones that still serve, when no other is left',
      [{ ip: '10.244.0.6', ready: false, serving: true, terminating: true }],
      ['10.244.0.6:8080'],
    ],
    [
      'no ending ones while another is ready',
      [{ ip: '10.244.0.5' }, { ip: '10.244.0.6', ready: false, serving: true, terminating: true }],
      ['10.244.0.5:8080'],
    ],
    ['no address that is none', [{ ip: 'fe80::1' }, { ip: '1.2.3.4 -j ACCEPT' }, { ip: '10.244.0.5' }], ['10.244.0.5:8080']],
    ['one address once', [{ ip: '10.244.0.5' }, { ip: '10.244.0.5' }], ['10.244.0.5:8080']],
  ])('%s', (_name, endpoints, expected) => {
    expect(addresses(draw(web, endpoints))).toEqual(expected);
  });

  it('matches ports by name and protocol', () => {
    const dns = service('dns', {
      clusterIP: '10.96.0.10',
      ports: [
        { name: 'dns', protocol: 'UDP', port: 53 },
        { name: 'dns-tcp', protocol: 'TCP', port: 53 },
      ],
    });
    const ports = [
      { name: 'dns', protocol: 'UDP', port: 10053 },
      { name: 'dns-tcp', protocol: 'TCP', port: 10054 },
    ];
    expect(addresses(draw(dns, [{ ip: '10.244.0.5' }], ports))).toEqual(['10.244.0.5:10053', '10.244.0.5:10054']);
  });
});

describe('without endpoints', () => {
  it('refuses cluster IP and node port at once', () => {
    const rules = draw(np, []);
    expect(textOf(rules, 'KUBE-SERVICES', 'filter')[0]).toContain(
      '-d 10.96.5.5/32 -p tcp -m tcp --dport 80 -m comment --comment "default/web has no endpoints" -j REJECT --reject-with tcp-reset',
    );
    expect(textOf(rules, 'KUBE-EXTERNAL', 'filter')[0]).toContain(
      '--dst-type LOCAL -p tcp -m tcp --dport 30080 -m comment --comment "default/web has no endpoints" -j REJECT --reject-with tcp-reset',
    );
    expect(textOf(rules, 'KUBE-SERVICES')[0]).not.toContain('default/web');
  });

  it.each([
    ['a headless Service', { clusterIP: 'None', ports: [{ port: 80 }] }],
    ['an ExternalName', { type: 'ExternalName', externalName: 'example.com', ports: [{ port: 80 }] }],
    ['a Service without an address yet', { ports: [{ port: 80 }] }],
  ])('%s has no rules and is no problem', (_name, spec) => {
    const rules = render([service('x', spec)], [], here);
    expect(rules.chains.some((c) => c.text.includes('default/x'))).toBe(false);
    expect(rules.problems).toEqual([]);
  });

  it('reports what it cannot serve', () => {
    const rules = render([service('x', { clusterIP: 'fd00::1', ports: [{ port: 80 }] })], [], here);
    expect(rules.problems[0]!.message).toBe('clusterIP "fd00::1" is no IPv4 address; only IPv4 is supported');
  });
});

describe('traffic policy Local', () => {
  const local = { ...np, spec: { ...np.spec, externalTrafficPolicy: 'Local', internalTrafficPolicy: 'Local' } };
  it('uses the endpoints of this node only, and keeps the client address of outside traffic', () => {
    const rules = draw(local, two);
    expect(textOf(rules, 'KUBE-SVL')[0]).toContain('10.244.0.5:8080');
    expect(textOf(rules, 'KUBE-SVL')[0]).not.toContain('10.244.1.6');
    expect(textOf(rules, 'KUBE-SERVICES')[0]).toContain('-j KUBE-SVL-x');
    expect(
      textOf(rules, 'KUBE-EXT')[0]!
        .split('\n')
        .map((l) => l.replace(/-m comment --comment "[^"]*" /, '')),
    ).toEqual([
      '-A KUBE-EXT-x -s 10.244.0.0/24 -j KUBE-SVC-x',
      '-A KUBE-EXT-x -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ',
      '-A KUBE-EXT-x -m addrtype --src-type LOCAL -j KUBE-SVC-x',
      '-A KUBE-EXT-x -j KUBE-SVL-x',
      '',
    ]);
  });

  it('drops what has endpoints on other nodes only', () => {
    const rules = draw(local, two, undefined, { ...here, nodeName: 'node-9' });
    expect(textOf(rules, 'KUBE-SERVICES', 'filter')[0]).toContain('has no local endpoints" -j DROP');
    expect(textOf(rules, 'KUBE-EXTERNAL', 'filter')[0]).toContain('has no local endpoints" -j DROP');
  });
});

describe('whatever is in the objects', () => {
  const nasty = fc.oneof(
    fc.string(),
    fc.constantFrom('" -j ACCEPT', 'a\n-A INPUT -j ACCEPT', '$(reboot)', '-t nat', '0.0.0.0/0', '10.96.0.1', '__proto__'),
  );
  const port = fc.oneof(fc.integer({ min: -5, max: 70_000 }), nasty) as fc.Arbitrary<number>;
  const protocol = fc.oneof(fc.constantFrom('TCP', 'UDP', 'SCTP'), nasty);
  const name = fc.oneof(fc.constantFrom('a', 'b'), nasty);
  const services = fc.array(
    fc.record({
      name,
      namespace: name,
      ip: fc.oneof(fc.ipV4(), nasty),
      ports: fc.array(fc.record({ name, protocol, port, nodePort: port })),
      type: nasty,
      policy: fc.constantFrom('Local', 'Cluster'),
      affinity: fc.constantFrom('ClientIP', 'None'),
      seconds: port,
      external: fc.array(fc.oneof(fc.ipV4(), nasty)),
    }),
    { maxLength: 4 },
  );
  const slices = fc.array(
    fc.record({
      name,
      namespace: name,
      ports: fc.array(fc.record({ name, protocol, port })),
      endpoints: fc.array(
        fc.record({
          ip: fc.oneof(fc.ipV4(), nasty),
          node: name,
          pod: nasty,
          ready: fc.boolean(),
          serving: fc.boolean(),
          terminating: fc.boolean(),
        }),
      ),
    }),
    { maxLength: 6 },
  );
  const scenario = fc.tuple(services, slices).map(([ss, ls]) =>
    render(
      ss.map((s) =>
        service(
          s.name,
          {
            clusterIP: s.ip,
            type: s.type,
            ports: s.ports,
            externalTrafficPolicy: s.policy,
            internalTrafficPolicy: s.policy,
            sessionAffinity: s.affinity,
            sessionAffinityConfig: { clientIP: { timeoutSeconds: s.seconds } },
            externalIPs: s.external,
          },
          s.namespace,
        ),
      ),
      ls.map((l) => slice(l.name, l.endpoints, l.ports, { namespace: l.namespace })),
      here,
    ),
  );

  it('every line is one plain rule of a chain of ours', () => {
    const LINE =
      /^-A KUBE-[A-Z0-9-]+( !| --?[a-z][a-z-]*| "[A-Za-z0-9][A-Za-z0-9 _.:,/>()-]{0,254}"| [A-Za-z0-9][A-Za-z0-9_.:,/-]*)+ -j (KUBE-[A-Z0-9-]+|ACCEPT|DROP|REJECT( --reject-with tcp-reset)?|RETURN|MARK --(or|xor)-mark 0x4000|MASQUERADE --random-fully|DNAT --to-destination [0-9.]+:\d+)$/;
    fc.assert(
      fc.property(scenario, (rules) => {
        const input = restoreInput(
          ['nat', 'filter'].map((table) => ({ table: table as 'nat', chains: rules.chains.filter((c) => c.table === table), lines: [] })),
        );
        for (const line of input.trimEnd().split('\n')) {
          if (!/^(\*(nat|filter)|:KUBE-[A-Z0-9-]+ - \[0:0\]|COMMIT)$/.test(line)) expect(line).toMatch(LINE);
        }
      }),
    );
  });

  it('every chain that is led into exists before it, and is one that cleanup knows', () => {
    fc.assert(
      fc.property(scenario, (rules) => {
        const seen = new Set<string>();
        for (const chain of rules.chains) {
          expect(PROXY.isOurChain(chain.name)).toBe(true);
          for (const { target } of chain.rules) if (target[1]!.startsWith('KUBE-')) expect(seen).toContain(`${chain.table} ${target[1]}`);
          seen.add(`${chain.table} ${chain.name}`);
        }
        for (const { table, line } of rules.jumps) expect(seen).toContain(`${table} ${line.split(' ').at(-1)}`);
      }),
    );
  });

  it('every endpoint is chosen with the same probability', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), (count) => {
        const rules = draw(
          web,
          Array.from({ length: count }, (_, i) => ({ ip: `10.244.0.${i + 1}` })),
        );
        const choices = rules.chains.find((c) => c.name.startsWith('KUBE-SVC'))!.rules.filter((rule) => rule.about.role === 'choice');
        let left = 1;
        for (const { match } of choices) {
          const taken = left * Number(match.at(-1) ?? 1);
          expect(taken).toBeCloseTo(1 / count, 6);
          left -= taken;
        }
        expect(left).toBeCloseTo(0, 6);
      }),
    );
  });
});
