// What rules Services become: the tables say what a user expects, the properties what must hold whatever is in an object.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PROXY } from '../../../../agent/proxy/names.js';
import type { Match } from '../../../../agent/proxy/port-rules.js';
import { render } from '../../../../agent/proxy/render.js';
import { restoreInput } from '../../../../agent/proxy/restore.js';
import type { RuleSet } from '../../../../agent/proxy/rules.js';
import { renderService } from '../../../../agent/proxy/service-rules.js';
import type { Service } from '../../../../src/kinds/types/core_v1.js';
import type { EndpointSlice } from '../../../../src/kinds/types/discovery_v1.js';
import { nodeContext, service, slice, type TestEndpoint } from '../objects.js';

const here = nodeContext();
const web = service('web', { clusterIP: '10.96.5.5', ports: [{ name: '', protocol: 'TCP', port: 80 }] });
const np = service('web', { type: 'NodePort', clusterIP: '10.96.5.5', ports: [{ name: '', protocol: 'TCP', port: 80, nodePort: 30080 }] });
const two: TestEndpoint[] = [
  { ip: '10.244.0.5', node: 'node-0', pod: 'web-a' },
  { ip: '10.244.1.6', node: 'node-1', pod: 'web-b' },
];

const textOf = (rules: RuleSet, prefix: string, table = 'nat') =>
  rules.chains
    .filter((c) => c.table === table && c.name.startsWith(prefix))
    .map((c) => c.text.replace(/KUBE-(S..|EXT|FW)-\w{16}/g, 'KUBE-$1-x'));
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

describe('a load balancer', () => {
  const balanced = (spec: object = {}, ingress: object[] = [{ ip: '203.0.113.9' }]) =>
    ({ ...service('web', { ...np.spec, type: 'LoadBalancer', ...spec }), status: { loadBalancer: { ingress } } }) as Service;
  const port = '-p tcp -m tcp --dport 80 -m comment --comment';

  it('has its addresses served as other outside traffic is', () => {
    expect(textOf(draw(balanced(), two), 'KUBE-SERVICES')[0]).toContain(
      `-A KUBE-SERVICES -d 203.0.113.9/32 ${port} "default/web loadbalancer IP" -j KUBE-EXT-x\n`,
    );
    expect(textOf(draw(balanced(), []), 'KUBE-EXTERNAL', 'filter')[0]).toContain(
      `-d 203.0.113.9/32 ${port} "default/web has no endpoints"`,
    );
  });

  it.each([
    ['that is a name', [{ hostname: 'lb.example.com' }], []],
    ['that hands packets on with an address of their own', [{ ip: '203.0.113.9', ipMode: 'Proxy' }], []],
    ['of another family', [{ ip: '2001:db8::9' }], ['load balancer address "2001:db8::9" is no IPv4 address; only IPv4 is supported']],
  ])('%s is no address here', (_name, ingress, problems) => {
    const rules = draw(balanced({}, ingress), two);
    expect(textOf(rules, 'KUBE-SERVICES')[0]).not.toContain('loadbalancer');
    expect(rules.problems.map(({ message }) => message)).toEqual(problems);
  });

  it('lets in only its source ranges, and the node itself where it is in one of them', () => {
    const rules = draw(balanced({ loadBalancerSourceRanges: ['198.51.100.0/24', ' 192.168.0.0/16 '] }), two);
    expect(textOf(rules, 'KUBE-SERVICES')[0]).toContain('"default/web loadbalancer IP" -j KUBE-FW-x');
    expect(textOf(rules, 'KUBE-FW')[0]!.match(/-s \S+/g)).toEqual(['-s 192.168.0.0/16', '-s 198.51.100.0/24', '-s 203.0.113.9/32']);
    expect(textOf(rules, 'KUBE-PROXY-FIREWALL', 'filter')[0]).toMatch(/-d 203\.0\.113\.9\/32 .*traffic not accepted by KUBE-FW-x" -j DROP/);
    expect(textOf(rules, 'KUBE-NODEPORTS')[0]).toContain('-j KUBE-EXT-x');
  });

  it('lets in nobody where none of the ranges is one, and everybody where one of them is all', () => {
    const none = draw(balanced({ loadBalancerSourceRanges: ['all of us'] }), two);
    expect(textOf(none, 'KUBE-FW')).toEqual(['']);
    expect(none.problems[0]!.message).toContain('"all of us" is no IPv4 range');
    expect(textOf(draw(balanced({ loadBalancerSourceRanges: ['0.0.0.0/0'] }), two), 'KUBE-FW')).toEqual([]);
  });

  it('finds out by the health check node port where local endpoints are', () => {
    const local = balanced({ externalTrafficPolicy: 'Local', healthCheckNodePort: 32001 });
    expect(textOf(draw(local, two), 'KUBE-NODEPORTS', 'filter')[0]).toContain(
      '--dport 32001 -m comment --comment "default/web health check',
    );
    const check = (endpoints: TestEndpoint[]) => renderService(local, [slice('web', endpoints)], here).healthCheck;
    expect(check(two)).toEqual({ port: 32001, localEndpoints: 1 });
    expect(check([{ ...two[0]!, ready: false, serving: true, terminating: true }])).toEqual({ port: 32001, localEndpoints: 0 });
  });
});

describe('hints', () => {
  const zone = (name: string) => ({ forZones: [{ name }] });
  const used = (endpoints: TestEndpoint[], zoneOfNode: string | undefined) =>
    draw(web, endpoints, undefined, { ...here, zone: zoneOfNode })
      .chains.filter((c) => c.name.startsWith('KUBE-SEP'))
      .map((c) => c.rules[1]!.about.endpoint!.replace(':8080', ''));
  const [near, far] = [
    { ip: '10.244.0.5', hints: zone('a') },
    { ip: '10.244.1.6', hints: zone('b') },
  ];
  it.each<[string, TestEndpoint[], string | undefined, string[]]>([
    ['those of this zone', [near, far], 'a', ['10.244.0.5']],
    ['all, where none is for this zone', [near, far], 'c', ['10.244.0.5', '10.244.1.6']],
    ['all, where the node has no zone', [near, far], undefined, ['10.244.0.5', '10.244.1.6']],
    ['all, where one has no hint', [near, { ip: '10.244.1.6' }], 'a', ['10.244.0.5', '10.244.1.6']],
    ['all, where the only one of the zone is not ready', [{ ...near, ready: false }, far], 'a', ['10.244.1.6']],
    [
      'those of this node before those of its zone',
      [
        { ip: '10.244.0.5', hints: { ...zone('a'), forNodes: [{ name: 'node-0' }] } },
        { ip: '10.244.1.6', hints: { ...zone('a'), forNodes: [{ name: 'node-1' }] } },
      ],
      'a',
      ['10.244.0.5'],
    ],
  ])('lead to %s', (_name, endpoints, zoneOfNode, expected) => {
    expect(used(endpoints, zoneOfNode)).toEqual(expected);
  });
});

describe('what the node says', () => {
  const affine = { ...web, spec: { ...web.spec, sessionAffinity: 'ClientIP' } };
  const lacking = (...missing: Match[]) => nodeContext({ missing: new Set(missing) });

  it('node ports are served at chosen addresses only, or not at the loopback address', () => {
    const jump = (more: object) =>
      textOf(render([np], [], nodeContext(more)), 'KUBE-SERVICES')[0]!
        .trim()
        .split('\n')
        .at(-1);
    expect(jump({ nodePortAddresses: ['192.168.1.0/24'] })).toContain('-d 192.168.1.0/24 -m addrtype --dst-type LOCAL');
    expect(jump({ localhostNodePorts: false })).toContain('! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL');
  });

  it('whatever goes to a cluster IP is masqueraded where it says so, with the bit that it says', () => {
    const rules = draw(web, two, undefined, nodeContext({ masqueradeAll: true, masqueradeBit: 3 }));
    expect(textOf(rules, 'KUBE-SVC')[0]).toMatch(/^-A KUBE-SVC-x -d 10\.96\.5\.5\/32 .*-j KUBE-MARK-MASQ/);
    expect(textOf(rules, 'KUBE-MARK-MASQ')[0]).toContain('--or-mark 0x8\n');
  });

  it('a match that the kernel lacks keeps only what needs it from working, and is reported', () => {
    const without = draw(affine, two, undefined, lacking('recent'));
    expect(textOf(without, 'KUBE-SVC')[0]).not.toContain('recent');
    expect(textOf(without, 'KUBE-SVC')[0]).toContain('10.244.1.6:8080');
    expect(without.problems[0]!.message).toContain('xt_recent');
    const sctp = service('s', { clusterIP: '10.96.5.6', ports: [{ name: '', protocol: 'SCTP', port: 80 }] });
    const rules = render([sctp, web], [slice('web', two), slice('s', two, [{ name: '', protocol: 'SCTP', port: 80 }])], lacking('sctp'));
    expect(rules.chains.some(({ text }) => text.includes('sctp'))).toBe(false);
    expect(textOf(rules, 'KUBE-SVC')).toHaveLength(1);
    expect(rules.problems.map(({ about, message }) => [about.name, message])).toEqual([['s', expect.stringContaining('xt_sctp')]]);
    expect(textOf(draw(web, two, undefined, lacking('statistic')), 'KUBE-SVC')[0]).not.toContain('statistic');
  });
});

describe('mistakes in objects', () => {
  const messages = (rules: RuleSet) => rules.problems.map(({ message }) => message);
  it('are reported, each once, and what is right beside them is served', () => {
    const ports = [
      { name: '', protocol: 'TCP', port: 0 },
      { name: '', protocol: 'TCP', port: 8080 },
    ];
    const rules = draw(web, [{ ip: 'fe80::1' }, { ip: '10.244.0.5' }], ports);
    expect(messages(rules)).toEqual([
      'EndpointSlice web-abc: port 0 is none; it is left out',
      'EndpointSlice web-abc: "fe80::1" is no IPv4 address; it is left out',
    ]);
    expect(textOf(rules, 'KUBE-SEP')).toHaveLength(1);
  });

  it('are told of up to a number', () => {
    const many = Array.from({ length: 500 }, (_, i) => ({ ip: `bad-${i}` }));
    expect(messages(draw(web, [...many, { ip: '10.244.0.5' }]))).toHaveLength(10);
  });

  it('a port that is there twice has one set of chains', () => {
    const twice = { ...web, spec: { ...web.spec, ports: [...web.spec.ports!, { name: '', protocol: 'TCP', port: 81 }] } };
    const rules = draw(twice, two);
    expect(new Set(rules.chains.map(({ table, name }) => `${table} ${name}`)).size).toBe(rules.chains.length);
    expect(messages(rules)[0]).toContain('is there twice for TCP');
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
      type: fc.oneof(fc.constantFrom('LoadBalancer', 'NodePort'), nasty),
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
      ss.map((s) => ({
        ...service(
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
            loadBalancerSourceRanges: s.external,
            healthCheckNodePort: s.seconds,
          },
          s.namespace,
        ),
        status: { loadBalancer: { ingress: s.external.map((ip) => ({ ip })) } },
      })),
      ls.map((l) => slice(l.name, l.endpoints, l.ports, { namespace: l.namespace })),
      here,
    ),
  );

  it('every line is one plain rule of a chain of ours', () => {
    const LINE =
      /^-A KUBE-[A-Z0-9-]+( !| --?[a-z][a-z-]*| "[A-Za-z0-9][A-Za-z0-9 _.:,/>()-]{0,254}"| [A-Za-z0-9][A-Za-z0-9_.:,/-]*)+ -j (KUBE-[A-Z0-9-]+|ACCEPT|DROP|REJECT( --reject-with tcp-reset)?|RETURN|MARK --(or|xor)-mark 0x4000|MASQUERADE( --random-fully)?|DNAT --to-destination [0-9.]+:\d+)$/;
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
