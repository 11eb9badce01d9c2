// Policies as rules: what is rendered, and that what the rules let through is what the policies say, for any policies and pods.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseChains } from '../../../../agent/glassbox/lines.js';
import { verdict } from '../../../../agent/glassbox/verdict.js';
import { PolicyMemo } from '../../../../agent/policy/memo.js';
import { FORWARD, INPUT, POLICY } from '../../../../agent/policy/names.js';
import { rangesOf } from '../../../../agent/policy/ranges.js';
import { renderPolicies } from '../../../../agent/policy/render.js';
import { byNamespace, policyPod, type World } from '../../../../agent/policy/world.js';
import type { RuleSet } from '../../../../agent/proxy/rules.js';
import { cidrHasIp, ipv4, parseCidr, parseIpv4 } from '../../../../src/apimachinery/cidr.js';
import type { Pod } from '../../../../src/kinds/types/core_v1.js';
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '../../../../src/kinds/types/networking_v1.js';
import { networkPolicy, pod } from '../objects.js';

const LABELS: { readonly [namespace: string]: { readonly [key: string]: string } } = {
  default: { team: 'red' },
  other: { team: 'blue' },
  'kube-system': {},
};

function worldOf(pods: readonly Pod[]): World {
  return {
    nodeName: 'a',
    clusterCidr: '10.244.0.0/16',
    dnsIp: '10.96.0.10',
    pods: byNamespace(pods.flatMap((one) => policyPod(one) ?? [])),
    namespaces: new Map(Object.entries(LABELS)),
  };
}

/** As iptables-save would print them. */
const chainsOf = ({ chains }: RuleSet) =>
  parseChains([...chains.map(({ name }) => `:${name} - [0:0]`), ...chains.map(({ text }) => text)].join('\n'));

const packet = (source: string, destination: string, port = 8080, protocol = 'tcp') => ({ source, destination, port, protocol });

const HTTP = { containers: [{ name: 'c', ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }] }] } as never;
const web = pod('web', { ip: '10.244.0.6', node: 'a', labels: { app: 'web' }, spec: HTTP });
const web2 = pod('web-2', { ip: '10.244.0.7', node: 'a', labels: { app: 'web' }, spec: HTTP });
const client = pod('client', { ip: '10.244.1.5', node: 'b', namespace: 'other', labels: { app: 'client' } });

describe('rules of network policies', () => {
  it('are none where no policy concerns a pod of this node', () => {
    const elsewhere = networkPolicy('deny', {}, 'other');
    expect(renderPolicies([elsewhere], worldOf([web, client]))).toEqual({ chains: [], jumps: [], problems: [] });
    const onHost = pod('host', { ip: '192.168.1.1', node: 'a', namespace: 'other', spec: { hostNetwork: true } });
    const done = pod('done', { ip: '10.244.0.9', node: 'a', namespace: 'other', phase: 'Succeeded' });
    expect(renderPolicies([elsewhere], worldOf([web, client, onHost, done])).chains).toEqual([]);
  });

  it('share a chain among pods for which the same holds, and each names policy and pod', () => {
    const allow = networkPolicy('allow', {
      ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: 'blue' } } }], ports: [{ port: 'http' }] }],
    });
    const { chains, problems } = renderPolicies([allow], worldOf([web, web2, client]));
    expect(problems).toEqual([]);
    expect(chains.map(({ name }) => name)).toEqual([expect.stringMatching(/^NETPOL-IN-[A-Z2-7]{16}$/), FORWARD, INPUT]);
    const [shared, forward] = chains;
    expect(shared!.text).toBe(
      [
        `-A ${shared!.name} -s 10.244.1.5/32 -p tcp -m multiport --dports 8080 -m comment --comment "policy default/allow ingress rule 1: from pod other/client" -j RETURN`,
        `-A ${shared!.name} -m comment --comment "policy default/allow: no ingress rule allows it" -j DROP`,
        '',
      ].join('\n'),
    );
    expect(forward!.rules.map(({ comment }) => comment)).toEqual([
      'what is under way stays allowed',
      'pod default/web reaches itself',
      'to pod default/web: ingress',
      'pod default/web-2 reaches itself',
      'to pod default/web-2: ingress',
    ]);
    for (const { name } of chains) expect(POLICY.isOurChain(name)).toBe(true);
  });

  it('take the types of a policy that names none from what it holds', () => {
    const both = networkPolicy('both', { egress: [{}] });
    expect(renderPolicies([both], worldOf([web])).chains.map(({ name }) => name.slice(0, 10))).toEqual([
      'NETPOL-OUT',
      'NETPOL-IN-',
      'NETPOL-FOR',
      'NETPOL-INP',
    ]);
  });

  it('say what they cannot do', () => {
    const six = networkPolicy('six', { ingress: [{ from: [{ ipBlock: { cidr: 'fd00::/8' } }] }] });
    const { problems } = renderPolicies([six], worldOf([web]));
    expect(problems.map(({ about, message }) => [about.name, message])).toEqual([
      ['six', 'ipBlock fd00::/8 matches nothing: only IPv4 is supported'],
    ]);
  });

  it('count more ports than one match takes into several rules', () => {
    const ports = Array.from({ length: 20 }, (_, i) => ({ port: 1000 + i, protocol: 'TCP' as const }));
    const many = renderPolicies([networkPolicy('many', { ingress: [{ ports }] })], worldOf([web]));
    expect(many.chains[0]!.rules).toHaveLength(3);
    const chains = chainsOf(many);
    for (const { port } of ports) expect(verdict(chains, FORWARD, packet('10.0.0.1', '10.244.0.6', port)).allowed).toBe(true);
    expect(verdict(chains, FORWARD, packet('10.0.0.1', '10.244.0.6', 1020)).allowed).toBe(false);
  });

  it('let a pod ask for names only where a policy means the DNS server', () => {
    const egress = (rule: object) => networkPolicy('out', { policyTypes: ['Egress'], egress: [rule] });
    const asks = (rule: object) => {
      const dns = { ...packet('10.244.0.6', '192.168.1.1', 10053, 'udp'), original: { address: '10.96.0.10', port: 53 } };
      return verdict(chainsOf(renderPolicies([egress(rule)], worldOf([web]))), INPUT, dns).allowed;
    };
    const kubeDns = { namespaceSelector: {}, podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } } };
    expect(asks({})).toBe(true);
    expect(asks({ ports: [{ port: 53, protocol: 'UDP' }] })).toBe(true);
    expect(asks({ to: [kubeDns], ports: [{ port: 'dns', protocol: 'UDP' }] })).toBe(true);
    expect(asks({ to: [{ ipBlock: { cidr: '10.96.0.0/12' } }] })).toBe(true);
    expect(asks({ to: [kubeDns], ports: [{ port: 53, protocol: 'TCP' }] })).toBe(false);
    expect(asks({ to: [{ podSelector: {} }] })).toBe(false);
    expect(asks({ ports: [{ port: 80, protocol: 'TCP' }] })).toBe(false);
  });
});

describe('an ipBlock as ranges', () => {
  it('holds exactly the addresses of its cidr that are in no exception', () => {
    const range = fc
      .tuple(fc.nat(255), fc.integer({ min: 16, max: 32 }))
      .map(([host, bits]) => parseCidr(`10.0.${host % 4}.${host}/${bits}`)!.text);
    fc.assert(
      fc.property(range, fc.array(range, { maxLength: 4 }), fc.array(fc.nat(1023), { minLength: 20 }), (cidr, except, offsets) => {
        const ranges = rangesOf({ cidr, except })!;
        for (const offset of offsets) {
          const address = parseIpv4('10.0.0.0')! + offset;
          const wanted = cidrHasIp(parseCidr(cidr)!, address) && !except.some((hole) => cidrHasIp(parseCidr(hole)!, address));
          expect([ipv4(address), ranges.filter((one) => cidrHasIp(one, address)).length]).toEqual([ipv4(address), wanted ? 1 : 0]);
        }
      }),
    );
  });
});

describe('any policies', () => {
  const app = fc.constantFrom('web', 'db', 'client');
  const selector = fc.oneof(
    fc.constant({}),
    app.map((name) => ({ matchLabels: { app: name } })),
  );
  const team = fc.oneof(
    fc.constant({}),
    fc.constantFrom('red', 'blue').map((name) => ({ matchLabels: { team: name } })),
  );
  const peer: fc.Arbitrary<NetworkPolicyPeer> = fc.oneof(
    selector.map((podSelector) => ({ podSelector })),
    team.map((namespaceSelector) => ({ namespaceSelector })),
    fc.tuple(selector, team).map(([podSelector, namespaceSelector]) => ({ podSelector, namespaceSelector })),
    fc.constantFrom<NetworkPolicyPeer>(
      { ipBlock: { cidr: '0.0.0.0/0' } },
      { ipBlock: { cidr: '10.244.0.0/16', except: ['10.244.1.0/24'] } },
      { ipBlock: { cidr: '192.168.0.0/16' } },
    ),
  );
  const port: fc.Arbitrary<NetworkPolicyPort> = fc.constantFrom<NetworkPolicyPort>(
    { port: 8080, protocol: 'TCP' },
    { port: 'http', protocol: 'TCP' },
    { port: 1, endPort: 9000, protocol: 'UDP' },
    { protocol: 'TCP' },
    { port: 9999 },
  );
  const rule = fc.tuple(fc.array(peer, { maxLength: 2 }), fc.array(port, { maxLength: 2 }));
  const policies = fc.array(
    fc
      .tuple(
        fc.constantFrom('default', 'other'),
        selector,
        fc.array(rule, { maxLength: 2 }),
        fc.array(rule, { maxLength: 2 }),
        fc.subarray(['Ingress', 'Egress']),
      )
      .map(([namespace, podSelector, ingress, egress, policyTypes]) => ({
        namespace,
        spec: {
          podSelector,
          policyTypes,
          ingress: ingress.map(([from, ports]) => ({ from, ports })),
          egress: egress.map(([to, ports]) => ({ to, ports })),
        },
      })),
    { maxLength: 3 },
  );
  const somePods = fc
    .array(fc.tuple(fc.constantFrom('default', 'other'), app, fc.constantFrom(8080, 9090)), { minLength: 2, maxLength: 5 })
    .map((all) =>
      all.map(([namespace, name, http], i) =>
        pod(`p${i}`, {
          ip: `10.244.${i % 2}.${i + 5}`,
          node: 'a',
          namespace,
          labels: { app: name },
          spec: { containers: [{ name: 'c', ports: [{ name: 'http', containerPort: http, protocol: 'TCP' }] }] } as never,
        }),
      ),
    );

  it('let through exactly what one of them allows, where they isolate at all', () => {
    const memo = new PolicyMemo();
    fc.assert(
      fc.property(policies, somePods, fc.constantFrom(8080, 9090, 9999), fc.constantFrom('TCP', 'UDP'), (drafts, pods, port, protocol) => {
        const all = drafts.map(({ namespace, spec }, i) => networkPolicy(`n${i}`, spec, namespace));
        const rendered = renderPolicies(all, worldOf(pods), memo);
        // Whatever was rendered before, it is as if it were the first time.
        expect(rendered).toEqual(renderPolicies(all, worldOf(pods)));
        const chains = chainsOf(rendered);
        const ends = [
          ...pods.map((one) => ({ ip: one.status.podIP!, pod: one as Pod | undefined })),
          { ip: '192.168.3.3', pod: undefined },
        ];
        for (const from of ends) {
          for (const to of ends) {
            const allowed =
              from === to || (permits(all, 'Egress', from, to, port, protocol) && permits(all, 'Ingress', to, from, port, protocol));
            const found = verdict(chains, FORWARD, packet(from.ip, to.ip, port, protocol.toLowerCase())).allowed;
            expect([from.ip, to.ip, found]).toEqual([from.ip, to.ip, allowed]);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});

interface End {
  readonly ip: string;
  readonly pod: Pod | undefined;
}

/** Kubernetes' rules as they are written, one connection at a time. */
function permits(
  all: readonly NetworkPolicy[],
  direction: 'Ingress' | 'Egress',
  own: End,
  other: End,
  port: number,
  protocol: string,
): boolean {
  if (!own.pod) return true;
  const { namespace, labels } = own.pod.metadata;
  const has = (
    selector: { readonly matchLabels?: { readonly [key: string]: string } },
    of: { readonly [key: string]: string } | undefined,
  ) => Object.entries(selector.matchLabels ?? {}).every(([key, value]) => of?.[key] === value);
  const types = ({ policyTypes = [], egress = [] }: NetworkPolicy['spec']) =>
    policyTypes.length > 0 ? policyTypes : egress.length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
  const selecting = all.filter(
    (one) => one.metadata.namespace === namespace && types(one.spec).includes(direction) && has(one.spec.podSelector, labels),
  );
  if (selecting.length === 0) return true;
  const target = direction === 'Ingress' ? own.pod : other.pod;
  const portFits = ({ port: wanted, endPort, protocol: is = 'TCP' }: NetworkPolicyPort) => {
    if (is !== protocol) return false;
    if (wanted === undefined) return true;
    const number =
      typeof wanted === 'number'
        ? wanted
        : target?.spec.containers[0]?.ports?.find((p) => p.name === wanted && (p.protocol ?? 'TCP') === is)?.containerPort;
    return number !== undefined && port >= number && port <= (endPort ?? number);
  };
  const peerFits = (peer: NetworkPolicyPeer, policyNamespace: string) => {
    if (peer.ipBlock) {
      const inside = (cidr: string) => cidrHasIp(parseCidr(cidr)!, parseIpv4(other.ip)!);
      return inside(peer.ipBlock.cidr) && !(peer.ipBlock.except ?? []).some(inside);
    }
    if (!other.pod) return false;
    const space = other.pod.metadata.namespace!;
    const spaceFits = peer.namespaceSelector ? has(peer.namespaceSelector, LABELS[space]) : space === policyNamespace;
    return spaceFits && has(peer.podSelector ?? {}, other.pod.metadata.labels);
  };
  return selecting.some(({ metadata, spec }) => {
    const rules =
      direction === 'Ingress'
        ? (spec.ingress ?? []).map(({ from, ports }) => [from, ports] as const)
        : (spec.egress ?? []).map(({ to, ports }) => [to, ports] as const);
    return rules.some(
      ([peers = [], ports = []]) =>
        (ports.length === 0 || ports.some(portFits)) && (peers.length === 0 || peers.some((peer) => peerFits(peer, metadata.namespace!))),
    );
  });
}
