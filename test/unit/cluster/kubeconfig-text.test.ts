// Kubeconfigs as people, kubectl and other tools write them: our context comes and goes, and not a byte of the rest changes.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Credentials } from '../../../src/cluster/admin-kubeconfig.js';
import { addContext, takeContext } from '../../../src/cluster/kubeconfig-text.js';

const CREDENTIALS: Credentials = { server: 'https://192.0.2.1:6443', ca: 'the CA\n', cert: 'a certificate\n', key: 'a key\n' };
const NEWER: Credentials = { ...CREDENTIALS, server: 'https://192.0.2.2:6443', cert: 'another certificate\n' };
const LISTS = ['clusters', 'users', 'contexts'] as const;

type Config = Record<string, unknown> & { clusters: Named[]; users: Named[]; contexts: Named[] };
type Named = { name: string };

/** What a reader sees of ours, and of everything else. */
function seen(text: string) {
  const config = (parse(text) ?? {}) as Config;
  const rest = (list: (typeof LISTS)[number]) => (config[list] || []).filter(({ name }) => name !== 'porthole');
  const ours = (list: (typeof LISTS)[number]) => (config[list] || []).filter(({ name }) => name === 'porthole');
  const [clusters, users, contexts] = LISTS.map(ours);
  const others = { ...config, clusters: rest('clusters'), users: rest('users'), contexts: rest('contexts'), 'current-context': undefined };
  return { clusters, users, contexts, current: config['current-context'], others };
}

function expectContext(text: string, before: string, { server, cert }: Credentials): void {
  const { clusters, users, contexts, current, others } = seen(text);
  expect(clusters).toMatchObject([{ name: 'porthole', cluster: { server } }]);
  expect(users).toMatchObject([{ user: { 'client-certificate-data': Buffer.from(cert).toString('base64') } }]);
  expect(contexts).toMatchObject([{ context: { cluster: 'porthole', user: 'porthole' } }]);
  expect(current).toBe(seen(before).current || 'porthole');
  const strangers = Object.keys(others).filter((key) => !['apiVersion', 'kind', ...LISTS, 'current-context'].includes(key));
  for (const key of [...strangers, ...LISTS]) expect(others[key as 'users']).toEqual(seen(before).others[key as 'users']);
}

function expectRoundTrip(before: string): void {
  const added = addContext(before, 'porthole', CREDENTIALS);
  expectContext(added, before, CREDENTIALS);
  expect(addContext(added, 'porthole', CREDENTIALS)).toBe(added);
  expect(takeContext(added, 'porthole')).toBe(before);
  const renewed = addContext(added, 'porthole', NEWER);
  expectContext(renewed, before, NEWER);
  expect(takeContext(renewed, 'porthole')).toBe(before);
}

const oneOf = <T>(...values: T[]) => fc.constantFrom(...values);
const comment = oneOf('', '', '', '# a comment\n', '\n', '  # indented\n', '\n    # far in\n\n');
const behind = oneOf('', '', ' # why', '   ', ' #null');
const nothing = oneOf('null', '~', 'Null', '', '[]', '[ ]', '[\n  ]');

const blockItem = fc
  .tuple(oneOf('a', 'b-c', '"d"'), behind, comment, oneOf('-', '-  '), oneOf('plain', 'flow', 'text', 'kept', 'empty'))
  .map(([name, end, after, dash, style]) => (key: string, column: string) => {
    const inner = `${column}${' '.repeat(dash.length + 1)}`;
    const value = {
      plain: `\n${inner}  x: 1${end}`,
      flow: ` {x: [1,2],y: "#"}${end}`,
      text: ` |\n${inner}  some text\n${inner}  # and more`,
      kept: ` |+\n${inner}  kept\n\n`,
      empty: `${end}`,
    }[style];
    return `${column}${dash} name: ${name}\n${inner}${key}:${value}\n${after}`;
  });
const flowItem = oneOf('{name: a}', '{ name: b, x: {y: [1] } }', '{"name":"c"}');

/** A pair of the top-level map, in block style; the item's own key does not matter to anyone here. */
const listPair = (key: string) =>
  fc.oneof(
    fc.constant(''),
    fc.tuple(nothing, behind, comment).map(([value, end, after]) => `${key}:${value && ` ${value}`}${end}\n${after}`),
    fc
      .tuple(fc.array(flowItem, { minLength: 1, maxLength: 3 }), oneOf(',', ', ', ' ,\n  ', ', # c\n  '), oneOf('', ' ', '\n  '), behind)
      .map(([items, comma, gap, end]) => `${key}: [${gap}${items.join(comma)}${gap}]${end}\n`),
    fc
      .tuple(fc.array(blockItem, { minLength: 1, maxLength: 3 }), oneOf('', '  ', '      '), behind, comment)
      .map(([items, column, end, after]) => `${key}:${end}\n${after}${items.map((item) => item(key.slice(0, -1), column)).join('')}`),
  );
const currentPair = fc.oneof(
  fc.constant(''),
  fc.tuple(oneOf('a', '"b"', '', 'null', '~', '""', "''"), behind, comment).map(([value, end, after]) => {
    return `current-context:${value && ` ${value}`}${end}\n${after}`;
  }),
);
const otherPair = oneOf(
  'apiVersion: v1\nkind: Config\n',
  'preferences: {}\n',
  'x:  {a: 1,  b: [ 2 ]}\n',
  'y: &y\n   - deep:  1\nz: *y\n',
  'last: |+\n  t\n\n',
);

const yamlFile = fc
  .tuple(comment, listPair('clusters'), listPair('users'), listPair('contexts'), currentPair, otherPair, oneOf('', '---\n', '\uFEFF'))
  .chain(([top, clusters, users, contexts, current, other, start]) =>
    fc.tuple(
      fc.shuffledSubarray([clusters, users, contexts, current, other], { minLength: 5 }).map((pairs) => start + top + pairs.join('')),
      fc.boolean(),
    ),
  )
  .map(([text, cut]) => (cut ? text.replace(/\n$/, '') : text))
  .chain((text) => oneOf(text, text.replaceAll('\n', '\r\n')));

const jsonFile = fc
  .tuple(
    fc.shuffledSubarray(['apiVersion', ...LISTS, 'current-context'], { minLength: 0 }),
    fc.array(oneOf<unknown>(null, [], [{ name: 'a' }], [{ name: 'a', x: { y: 1 } }, { name: 'b' }]), { minLength: 5, maxLength: 5 }),
    oneOf(null, '', 'a'),
    oneOf<number | string>(0, 1, 2, 4, '\t'),
    oneOf('', '\n'),
  )
  .map(([keys, lists, current, indent, end]) => {
    const valueFor = (key: string, at: number) => (key === 'current-context' ? current : key === 'apiVersion' ? 'v1' : lists[at]);
    return JSON.stringify(Object.fromEntries(keys.map((key, at) => [key, valueFor(key, at)])), null, indent) + end;
  });

describe('adding and taking out gives back every byte', () => {
  test('of YAML files of all styles', () => {
    fc.assert(fc.property(yamlFile, expectRoundTrip), { numRuns: 300 });
  });

  test('of JSON files, which stay JSON', () => {
    fc.assert(
      fc.property(jsonFile, (before) => {
        JSON.parse(addContext(before, 'porthole', CREDENTIALS));
        expectRoundTrip(before);
      }),
      { numRuns: 100 },
    );
  });

  test.each(
    [
      ['', '# only this', '# only this\n', '---\n', '# c\r\n---\r\n'],
      ['{}', '{ }\n', '{clusters: [{name: a},], users: [], }', '{"clusters": [], "current-context": ""}'],
      ['kind: Config\n...\n', '  kind: Config\n  users:\n  - name: a\n', '%YAML 1.2\n---\nkind: Config\n'],
      [
        '"clusters":\n- name: a\n"users": []\n',
        'clusters: !!seq\n- name: a\n',
        'clusters: &c\n- name: a\n',
        'users: &u\n',
        '? clusters\n: - name: a\n',
      ],
    ].flat(),
  )('of %j', expectRoundTrip);
});

test('where one place cannot be changed alone the text is written anew, with the same content', () => {
  const before = 'none: &none []\nclusters: *none   # theirs\nusers: [{name: a},   {name: b}]\n';
  const added = addContext(before, 'porthole', CREDENTIALS);
  expectContext(added, before, CREDENTIALS);
  expect(added).toContain('none: &none []\n');
  expect(added).toContain('# theirs');
  expect(seen(takeContext(added, 'porthole')!).others).toEqual(seen(before).others);
});
