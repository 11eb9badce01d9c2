// What the glass box makes of what iptables-save prints: two spellings of one rule are equal, and each kind of difference is told.
import { describe, expect, it } from 'vitest';
import { differences } from '../../../../agent/glassbox/difference.js';
import { canonical, parseChains, parseLine } from '../../../../agent/glassbox/lines.js';
import { verdict } from '../../../../agent/glassbox/verdict.js';
import { PROXY } from '../../../../agent/proxy/names.js';
import { makeChain, makeRule, type RuleSet } from '../../../../agent/proxy/rules.js';

const spelled = (text: string) => canonical(parseLine(`-A X ${text}`)!.tokens);

describe('two spellings of one rule', () => {
  it.each([
    ['-j MARK --or-mark 0x4000', '-j MARK --set-xmark 0x4000/0x4000'],
    ['-j MARK --xor-mark 0x4000', '-j MARK --set-xmark 0x4000/0x0'],
    ['-m statistic --mode random --probability 0.3333333333 -j X', '-m statistic --mode random --probability 0.33333333349 -j X'],
    ['-p udp -j REJECT', '-p udp -j REJECT --reject-with icmp-port-unreachable'],
    ['-m recent --name A --set -j X', '-m recent --set --name A --mask 255.255.255.255 --rsource -j X'],
    ['! -s 10.0.0.0/8 -d 10.96.0.1 -j X', '-d 10.96.0.1/32 ! -s 10.0.0.0/8 -j X'],
    ['-m comment --comment one -j X', '-m comment --comment "one" -j X'],
    ['-m conntrack --ctstate RELATED,ESTABLISHED -j X', '-m conntrack --ctstate ESTABLISHED,RELATED -j X'],
  ])('%s is %s', (ours, printed) => expect(spelled(ours)).toBe(spelled(printed)));

  it.each([
    ['-s 10.0.0.0/8 -j X', '! -s 10.0.0.0/8 -j X'],
    ['-p tcp --dport 80 -j X', '-p tcp --dport 81 -j X'],
    ['-j DROP', '-j REJECT'],
    ['-s 10.0.0.1/32 -j X', '-d 10.0.0.1/32 -j X'],
  ])('%s is not %s', (ours, printed) => expect(spelled(ours)).not.toBe(spelled(printed)));
});

describe('the difference', () => {
  const about = { kind: 'Service', namespace: 'default', name: 'web', role: 'choice' } as const;
  const svc = 'KUBE-SVC-AAAAAAAAAAAAAAAA';
  const chain = makeChain('nat', svc, [
    makeRule(about, ['-s', '10.0.0.1/32'], 'first', 'KUBE-SEP-AAAAAAAAAAAAAAAA'),
    makeRule(about, [], 'second', 'KUBE-SEP-BBBBBBBBBBBBBBBB'),
  ]);
  const wanted: RuleSet = { chains: [chain], jumps: [{ table: 'nat', from: 'OUTPUT', line: '-A OUTPUT -j KUBE-SERVICES' }], problems: [] };
  const [first, second] = chain.text.trim().split('\n') as [string, string];
  const found = (...lines: string[]) =>
    differences(
      wanted,
      PROXY,
      new Map([
        ['nat', parseChains([':OUTPUT ACCEPT [0:0]', `:${svc} - [0:0]`, ':KUBE-SEP-CCCCCCCCCCCCCCCC - [0:0]', ...lines].join('\n'))],
      ]),
    );
  const jump = '[3:180] -A OUTPUT -j KUBE-SERVICES';

  it('is none where all is there', () => expect(found(jump, `[1:60] ${first}`, second)).toEqual([]));

  it('names what is missing, with what it is about', () => {
    expect(found(first)).toEqual([
      { table: 'nat', chain: svc, kind: 'missing', wanted: second, about: 'Service default/web' },
      { table: 'nat', chain: 'OUTPUT', kind: 'missing', wanted: '-A OUTPUT -j KUBE-SERVICES' },
    ]);
  });

  it('names what is foreign, in our chains and as chains that nobody wants', () => {
    const stranger = `-A ${svc} -j RETURN`;
    const stale = '-A KUBE-SEP-CCCCCCCCCCCCCCCC -j DNAT --to-destination 10.0.0.9:80';
    expect(found(jump, first, stranger, second, stale).map(({ kind, actual }) => [kind, actual])).toEqual([
      ['foreign', stranger],
      ['foreign', stale],
    ]);
  });

  it('names what is changed: another rule with the same comment, another order', () => {
    const other = first.replace('10.0.0.1', '10.0.0.2');
    expect(found(jump, other, second)).toEqual([
      { table: 'nat', chain: svc, kind: 'changed', wanted: first, actual: other, about: 'Service default/web' },
    ]);
    expect(found(jump, second, first).map(({ kind }) => kind)).toEqual(['changed']);
  });
});

describe('a verdict', () => {
  it('follows jumps, returns and drops, and takes what it does not know for no match', () => {
    const chains = parseChains(
      [
        ':TOP - [0:0]',
        ':ONE - [0:0]',
        '-A TOP -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN',
        '-A TOP -m quota --quota 5 -m comment --comment quota -j DROP',
        '-A TOP -s 10.0.0.1/32 -m comment --comment "to one" -j ONE',
        '-A TOP -m comment --comment "the end" -j DROP',
        '-A ONE ! -d 10.0.0.0/8 -m comment --comment "out of it" -j RETURN',
        '-A ONE -p tcp -m multiport --dports 80,443:445 -m comment --comment "web" -j ACCEPT',
      ].join('\n'),
    );
    const ask = (source: string, destination: string, port: number) =>
      verdict(chains, 'TOP', { source, destination, port, protocol: 'tcp' });
    expect(ask('10.0.0.1', '10.0.0.2', 444)).toEqual({ allowed: true, by: ['web'] });
    expect(ask('10.0.0.1', '10.0.0.2', 446)).toEqual({ allowed: false, by: ['the end'] });
    expect(ask('10.0.0.1', '192.168.0.1', 1)).toEqual({ allowed: false, by: ['out of it', 'the end'] });
    expect(ask('10.0.0.3', '10.0.0.2', 80)).toEqual({ allowed: false, by: ['the end'] });
  });
});
