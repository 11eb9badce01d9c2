// `porthole why`: for each way in which a connection to a Service fails, the hop that is named, the cause and the way out.
import { describe, expect, it } from 'vitest';
import type { Facts } from '../../../src/cli/why/gather.js';
import { findHops } from '../../../src/cli/why/hops.js';
import { printWhy } from '../../../src/cli/why/print.js';
import type { EndpointStep, Proxyz, TableEndpoint } from '../../../src/client/proxyz.js';
import type { Pod, ServiceSpec } from '../../../src/kinds/types/core_v1.js';
import { node, pod, service } from '../agent/objects.js';

const WEB = '10.244.1.6:8080';
const READY = { conditions: [{ type: 'Ready', status: 'True' }] };
const withStatus = (one: Pod, status: object): Pod => ({ ...one, status: { ...one.status, ...status } }) as Pod;
const web = withStatus(
  pod('web', {
    ip: '10.244.1.6',
    node: 'b',
    labels: { app: 'web' },
    spec: { containers: [{ name: 'c', ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }] }] } as never,
  }),
  READY,
);
const client = withStatus(pod('client', { ip: '10.244.0.5', node: 'a', labels: { app: 'client' } }), READY);
const endpoint: TableEndpoint = {
  port: '80',
  protocol: 'TCP',
  address: WEB,
  target: 'pod default/web',
  node: 'b',
  ready: true,
  terminating: false,
};
const step: EndpointStep = {
  address: WEB,
  protocol: 'TCP',
  verdict: { allowed: true, by: [] },
  route: { route: '10.244.1.0/24 via 192.168.1.11 dev eth0' },
};

function table(node: string, more: Partial<EndpointStep> = {}, endpoints: readonly TableEndpoint[] = [endpoint]): Proxyz {
  const rule = {
    table: 'nat',
    chain: 'KUBE-SVC-X',
    depth: 1,
    role: 'choice',
    match: '',
    target: 'KUBE-SEP-X',
    comment: '',
    state: 'ok',
  } as const;
  const usable = endpoints.filter(({ ready }) => ready);
  return {
    node,
    backend: 'nft',
    services: [
      {
        namespace: 'default',
        name: 'web',
        rules: usable.map(({ address }) => ({ ...rule, endpoint: address, packets: 1, bytes: 60 })),
        endpoints,
      },
    ],
    differences: [],
    others: [],
    problems: [],
    walk: {
      dns: { name: 'web.default.svc.cluster.local', server: '10.96.0.10', answer: ['10.96.7.7'], verdict: { allowed: true, by: [] } },
      endpoints: endpoints.map(({ address }) => ({ ...step, ...more, address })),
    },
  };
}

const here = (more: Partial<Proxyz> = {}): Proxyz => ({ ...table('a'), ...more });
const there = (more: Partial<EndpointStep> = {}) => table('b', { listening: 'yes', ...more });
const without = (...endpoints: TableEndpoint[]): Pick<Facts, 'nodes'> => ({
  nodes: [
    { node: 'a', table: table('a', {}, endpoints) },
    { node: 'b', table: table('b', {}, endpoints) },
  ],
});

function facts(more: Partial<Facts> = {}, spec: Partial<ServiceSpec> = {}): Facts {
  const ports = [{ port: 80, protocol: 'TCP', targetPort: 'http' }];
  return {
    service: service('web', { clusterIP: '10.96.7.7', selector: { app: 'web' }, ports, ...spec }),
    pods: [web, client],
    source: { pod: client },
    allNodes: [node('a', '192.168.1.10'), node('b', '192.168.1.11')],
    nodes: [
      { node: 'a', table: here() },
      { node: 'b', table: there() },
    ],
    ...more,
  };
}

const nodes = (a: Proxyz, b: Proxyz): Pick<Facts, 'nodes'> => ({
  nodes: [
    { node: 'a', table: a },
    { node: 'b', table: b },
  ],
});
const denied = (by: string) => ({ verdict: { allowed: false, by: ['what is under way stays allowed', by] } });

describe('a connection that nothing stands in the way of', () => {
  it('passes every hop', () => {
    const hops = findHops(facts());
    expect(hops.map(({ name, ok }) => [name, ok])).toEqual(
      ['source', 'DNS', 'endpoints', 'DNAT', 'policy', 'route', 'endpoint'].map((name) => [name, true]),
    );
    expect(printWhy(facts(), hops)).toMatch(/Nothing stands in the way\.$/);
  });

  it('goes by the name alone to a headless Service, and knows what ExternalName is', () => {
    const headless = { ...table('a'), walk: { ...table('a').walk!, dns: { ...table('a').walk!.dns!, answer: ['10.244.1.6'] } } };
    expect(findHops(facts(nodes(headless, there()), { clusterIP: 'None' })).every(({ ok }) => ok)).toBe(true);
    expect(findHops(facts({}, { type: 'ExternalName', externalName: 'example.org' }))[0]!.text).toContain('example.org');
  });
});

describe('a connection from elsewhere than a pod', () => {
  const names = (given: Facts) => findHops(given).map(({ name, ok }) => [name, ok]);
  const onA = { node: node('a', '192.168.1.10') };
  const onB = { node: node('b', '192.168.1.11') };
  const outside = { outside: '198.51.100.1', by: 'a' };
  const open = { type: 'NodePort', ports: [{ port: 80, protocol: 'TCP', nodePort: 30080 }] } as const;
  const onlyB = { verdict: { allowed: false, by: ['policy default/deny: no ingress rule allows it'] } };

  it('from a node passes every hop, and needs no policy to reach pods of its own', () => {
    expect(names(facts({ source: onA }))).toEqual(
      ['source', 'DNS', 'endpoints', 'DNAT', 'policy', 'route', 'endpoint'].map((name) => [name, true]),
    );
    const own = facts({ ...nodes(here(), there(onlyB)), source: onB });
    expect(names(own)).toContainEqual(['policy', true]);
    expect(printWhy(own, findHops(own))).toContain('From node b to web');
  });

  it.each([
    ['a node', onA, {}, 'ipBlock 192.168.1.10/32'],
    ['outside', outside, open, 'ipBlock 192.168.1.10/32'],
    ['outside by the node of the pod', { ...outside, by: 'b' }, open, 'ipBlock 198.51.100.1/32'],
  ])('from %s is told whom a policy has to let in', (_from, source, spec, peer) => {
    const failed = findHops(facts({ ...nodes(here(), there(onlyB)), source }, spec)).at(-1)!;
    expect([failed.name, failed.ok]).toEqual(['policy', false]);
    expect(failed.remedy).toContain(`allow ingress from ${peer} `);
  });

  it('from outside asks no DNS, and needs a door', () => {
    expect(names(facts({ source: outside }, open))).toEqual(
      ['source', 'endpoints', 'DNAT', 'policy', 'route', 'endpoint'].map((name) => [name, true]),
    );
    const [shut, ...more] = findHops(facts({ source: outside }));
    expect([shut!.ok, more]).toEqual([false, []]);
    expect(shut!.text).toContain('no node port and no external address');
  });

  it('from outside goes to pods of that node only where externalTrafficPolicy is Local', () => {
    const failed = findHops(facts({ source: outside }, { ...open, externalTrafficPolicy: 'Local' })).at(-1)!;
    expect(failed).toMatchObject({ name: 'DNAT', ok: false, text: 'externalTrafficPolicy is Local, and a has no ready endpoint' });
  });
});

describe('the first hop that fails is named', () => {
  const cases: readonly [string, Facts, string, RegExp, RegExp][] = [
    [
      'a source that has not started',
      facts({ source: { pod: pod('client', { node: 'a', phase: 'Pending' }) } }),
      'source',
      /is Pending and has no network/,
      /describe pod client/,
    ],
    [
      'a source on a node that is away',
      facts({ nodes: [{ node: 'a', error: 'dial: refused' }] }),
      'source',
      /whose agent does not answer: dial: refused/,
      /agent of a/,
    ],
    [
      'a policy that keeps the pod from DNS',
      facts(
        nodes(
          here({
            walk: { endpoints: [], dns: { name: 'n', server: '10.96.0.10', ...denied('policy default/x: no egress rule allows it') } },
          }),
          there(),
        ),
      ),
      'DNS',
      /may not ask 10\.96\.0\.10: policy default\/x/,
      /port 53/,
    ],
    [
      'a name that nobody knows',
      facts(
        nodes(
          here({
            walk: { endpoints: [], dns: { name: 'n', server: '10.96.0.10', error: 'ENOTFOUND', verdict: { allowed: true, by: [] } } },
          }),
          there(),
        ),
      ),
      'DNS',
      /says ENOTFOUND/,
      /log/,
    ],
    [
      'a selector that finds nobody',
      facts(without(), { selector: { app: 'wbe' } }),
      'endpoints',
      /no pod in default has the labels app=wbe \(web has app=web; client has app=client\)/,
      /edit service web/,
    ],
    ['no selector and no slice', facts(without(), { selector: {} }), 'endpoints', /no selector/, /EndpointSlice/],
    [
      'pods that are not ready',
      facts({
        ...without({ ...endpoint, ready: false }),
        pods: [
          withStatus(web, {
            conditions: [],
            containerStatuses: [{ name: 'c', ready: false, state: { waiting: { reason: 'CrashLoopBackOff' } } }],
          }),
        ],
      }),
      'endpoints',
      /1 pods, none of them ready: web \(CrashLoopBackOff\)/,
      /describe pod web/,
    ],
    [
      'a target port that no container names',
      facts(without(), { ports: [{ port: 80, targetPort: 'htpp' }] }),
      'endpoints',
      /no container of pod web has a port called htpp; it has http:8080/,
      /targetPort/,
    ],
    [
      'rules that somebody took away',
      facts(
        nodes(
          here({
            differences: [
              { table: 'nat', chain: 'KUBE-SVC-X', kind: 'missing', wanted: '-A KUBE-SVC-X -j Y', about: 'Service default/web' },
            ],
          }),
          there(),
        ),
      ),
      'DNAT',
      /a: 1 rules are not what they should be; missing in nat KUBE-SVC-X/,
      /somebody else changed the rules/,
    ],
    [
      'the internal policy Local without a local pod',
      facts(nodes(here({ services: [{ ...here().services[0]!, rules: [] }] }), there()), { internalTrafficPolicy: 'Local' }),
      'DNAT',
      /internalTrafficPolicy is Local, and a has no ready endpoint/,
      /Cluster/,
    ],
    [
      'a policy on the way out',
      facts(nodes(table('a', denied('policy default/out: no egress rule allows it')), there())),
      'policy',
      /a drops it: policy default\/out/,
      /allow egress.* selects pod client/,
    ],
    [
      'a policy on the way in',
      facts(nodes(here(), there(denied('policy default/in: no ingress rule allows it')))),
      'policy',
      /b drops it: policy default\/in/,
      /allow ingress from pod default\/client \(labels app=client\)/,
    ],
    [
      'a route that is not there',
      facts(nodes(table('a', { route: { error: 'only the default route, via 192.168.1.1 dev eth0' } }), there())),
      'route',
      /a has no route to the pods of b: only the default route/,
      /podCIDR/,
    ],
    [
      'a port that nobody listens on',
      facts(nodes(here(), there({ listening: 'refused' }))),
      'endpoint',
      /nothing listens on port 8080 of pod default\/web$/,
      /targetPort of port 80/,
    ],
    [
      'a program that is stuck',
      facts(nodes(here(), there({ listening: 'no answer' }))),
      'endpoint',
      /does not answer on port 8080/,
      /stuck/,
    ],
    [
      'an endpoint on a node that is away',
      facts({
        nodes: [
          { node: 'a', table: here() },
          { node: 'b', error: 'timeout' },
        ],
      }),
      'endpoint',
      /is on b, whose agent does not answer: timeout/,
      /is b up/,
    ],
  ];
  it.each(cases)('%s', (_what, given, hop, cause, remedy) => {
    const hops = findHops(given);
    const failed = hops.find(({ ok }) => !ok)!;
    expect([failed.name, hops.at(-1)]).toEqual([hop, failed]);
    expect(failed.text).toMatch(cause);
    expect(failed.remedy).toMatch(remedy);
    expect(printWhy(given, hops)).toContain(`It fails at ${hop}: `);
  });

  it('for each endpoint by itself where there are several', () => {
    const second = { ...endpoint, address: '10.244.1.7:8080', target: 'pod default/web-2' };
    const both = [endpoint, second];
    const end = table('b', { listening: 'yes' }, both);
    const steps = end.walk!.endpoints.map((one, i) => (i === 0 ? { ...one, listening: 'refused' as const } : one));
    const hops = findHops(facts(nodes(table('a', {}, both), { ...end, walk: { ...end.walk!, endpoints: steps } })));
    expect(hops.filter(({ name }) => name === 'endpoint').map(({ endpoint: address, ok }) => [address, ok])).toEqual([
      [WEB, false],
      ['10.244.1.7:8080', true],
    ]);
  });

  it('without a pod to come from, what can be told of the Service and of the rules of each node', () => {
    const { source: _, ...rest } = facts(without(), { selector: { app: 'wbe' } });
    expect(findHops(rest).map(({ name, ok }) => [name, ok])).toEqual([['endpoints', false]]);
  });
});
