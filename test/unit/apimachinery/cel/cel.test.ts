import { beforeAll, expect, test } from 'vitest';
import type { CelEnvironment } from '../../../../src/apimachinery/cel/environment.js';
import { loadCel } from '../../../../src/apimachinery/cel/library.js';
import { celValue } from '../../../../src/apimachinery/cel/values.js';

let cel: CelEnvironment;
beforeAll(async () => {
  cel = (await loadCel()).extend().variable('object', 'dyn').variable('names', 'list<string>').variable('text', 'string');
});

const object = celValue({ metadata: { name: 'web', labels: { app: 'web' } }, spec: { replicas: 3, ratio: 0.5, ports: [80, 443] } });
const variables = () => ({ object, names: ['a', 'b', 'c'], text: 'a'.repeat(30) });
const run = (expression: string, budget?: number) => cel.compile(expression).evaluate(variables(), budget).value;

test.each<[string, unknown]>([
  ['object.spec.replicas > 2 && object.metadata.name == "web"', true],
  ['object.spec.ports.all(p, p < 1000)', true],
  ['object.spec.ports.exists(p, p == 443)', true],
  ['object.spec.ports.map(p, p + 1).sum()', 525n],
  ['has(object.spec.missing)', false],
  ['has([object][0].spec.replicas) && !has([object][0].spec.missing)', true],
  ['format.dns1123Label().validate("web") == null', false],
  ['timestamp("2026-01-01T00:00:00Z") != null', true],
  ['object.spec.?missing.orValue("none")', 'none'],
  ['object.metadata.labels["app"]', 'web'],
  ['"app" in object.metadata.labels', true],
  ['names.join(",")', 'a,b,c'],
  ['names.isSorted() && names.min() == "a" && names.max() == "c"', true],
  ['names.indexOf("b") + names.lastIndexOf("z")', 0n],
  ['sets.contains(names, ["a"]) && sets.intersects(names, ["z", "c"]) && !sets.equivalent(names, ["a"])', true],
  ['"hello".matches("^h.*o$") && matches("hello", "l+")', true],
  ['"abc".charAt(1) + "abab".replace("a", "x") + "abab".replace("a", "x", 1)', 'bxbxbxbab'],
  ['"abc 123 45".find("[0-9]+")', '123'],
  ['"abc 123 45".findAll("[0-9]+").size()', 2n],
  ['"%s has %d of %.2f %x".format(["web", 3, 0.5, 255])', 'web has 3 of 0.50 ff'],
  ['"%s".format([names])', '[a, b, c]'],
  ['quantity("1.5Gi").isGreaterThan(quantity("1500Mi"))', true],
  ['quantity("50k").add(20).asInteger()', 50_020n],
  ['quantity("100m").asApproximateFloat()', 0.1],
  ['isQuantity("1.3") && !isQuantity("abc")', true],
  ['quantity("1Gi") == quantity("1024Mi")', true],
  ['url("https://example.com:80/a?x=1&x=2").getHost()', 'example.com:80'],
  ['url("https://example.com/a?x=1&x=2").getQuery()["x"].size()', 2n],
  ['isURL("/a/b") && !isURL("../a")', true],
  ['ip("10.0.0.1").family() == 4 && isIP("::1") && !isIP("10.0.0")', true],
  ['string(ip("2001:db8:0:0:0:0:0:1"))', '2001:db8::1'],
  ['cidr("10.0.0.0/8").containsIP("10.1.2.3") && !cidr("10.0.0.0/8").containsCIDR("10.0.0.0/7")', true],
  ['string(cidr("10.1.2.3/8").masked())', '10.0.0.0/8'],
  ['ip("127.0.0.1").isLoopback() && ip("8.8.8.8").isGlobalUnicast()', true],
  ['format.dns1123Label().validate("Web").hasValue()', true],
  ['!format.named("dns1123Label").value().validate("web").hasValue()', true],
  ['semver("1.2.3").isLessThan(semver("1.10.0")) && isSemver("1.0.0-rc.1") && !isSemver("v1")', true],
  ['semver("v1.2", true).minor()', 2n],
  ['ip.isCanonical("127.0.0.1") && !ip.isCanonical("2001:DB8::1")', true],
  ['object.spec.ports.all(ip, ip > 1)', true],
  ['names.all(i, v, i < 3 && v in ["a", "b", "c"])', true],
  ['names.exists(i, v, i == 1 && v == "b") && !names.exists(i, v, i == 0 && v == "b")', true],
  ['names.existsOne(i, v, v > "a") || names.existsOne(i, v, i > 1)', true],
  ['object.metadata.labels.all(k, v, k == "app" && v == "web")', true],
  ['names.transformList(i, v, i > 0, v + string(i))', ['b1', 'c2']],
  ['names.transformList(i, v, names.transformList(j, w, string(i) + string(j) + w)[i]) == ["00a", "11b", "22c"]', true],
  ['{"a": 1, "b": 2}.transformMap(k, v, v * 2)', { a: 2n, b: 4n }],
  ['{"a": 1, "b": 2}.transformMap(k, v, v > 1, k)["b"]', 'b'],
  ['{"a": "x", "b": "y"}.transformMapEntry(k, v, {v: k})', { x: 'a', y: 'b' }],
  ['["x", "y"].transformMapEntry(i, v, i == 0, {v: i})', { x: 0n }],
  ['names.all(i, v, v == "z" || object.spec.missing)', 'fails'],
  ['names.exists(i, v, v == "c" || object.spec.missing)', true],
  ['["a", "a"].transformMapEntry(i, v, {v: i})', 'fails'],
  ['[3, 1, 2].sort() == [1, 2, 3] && ["b", "a"].sort()[0] == "a"', true],
  ['names.sortBy(n, n == "b" ? 0 : 1)', ['b', 'a', 'c']],
  ['[{"n": 2}, {"n": 1}].sortBy(each, each.n)[0].n', 1n],
  ['[1, 2, 3, 4].slice(1, 3)', [2n, 3n]],
  ['[1, 2].slice(1, 3)', 'fails'],
  ['[[1], [2, [3]]].flatten().size() == 3 && [[1], [2, [3]]].flatten(2).size() == 3', true],
  ['[1, 2, 1, 1].distinct() == [1, 2] && [1, 2].reverse() == [2, 1]', true],
  ['names.first().value() + names.last().orValue("z") + [].first().orValue("none")', 'acnone'],
  ['lists.range(3)', [0n, 1n, 2n]],
  ['lists.range(100000000)', 'fails'],
  ['[1, "a"].sort()', 'fails'],
  [`strings.quote('a"b')`, '"a\\"b"'],
  ['duration("90m") > duration("1h")', true],
  ['timestamp("2026-01-01T00:00:00Z").getFullYear()', 2026n],
  ['object.spec.replicas == 3.0', true],
  ['object.spec.replicas == 1 || object.spec.ports.size() == 2 ? "yes" : "no"', 'yes'],
])('%s', (expression, value) => {
  if (value === 'fails') expect(() => run(expression)).toThrow();
  else expect(run(expression)).toEqual(value);
});

test('what is wrong is told, and where', () => {
  expect(() => cel.compile('object.x ==')).toThrow('compilation failed: ERROR: <input>:1:');
  expect(() => cel.compile('object.x == nope')).toThrow(
    "compilation failed: ERROR: <input>:1:13: undeclared reference to 'nope' (in container '')\n | object.x == nope\n | ............^",
  );
  expect(() => run('object.nope == 1')).toThrow('no such key: nope');
  expect(cel.compile('names.size() > 1').type).toBe('bool');
  expect(cel.compile('names.map(n, n)').uses('object')).toBe(false);
});

test('no expression runs past its budget', () => {
  const thousand = '[1,2,3,4,5,6,7,8,9,10]';
  const loop = `${thousand}.all(a, ${thousand}.all(b, ${thousand}.all(c, ${thousand}.all(d, ${thousand}.all(e, ${thousand}.all(f, a + b + c + d + e + f > 0))))))`;
  expect(() => run(loop)).toThrow('operation cancelled: actual cost limit exceeded');
  expect(() => run(`${loop} || true`)).toThrow('actual cost limit exceeded');
  expect(() => run('names.all(n, n != "z")', 5)).toThrow('actual cost limit exceeded');
  expect(cel.compile('names.all(n, n != "z")').evaluate(variables()).cost).toBeGreaterThan(6);
  const doubled = '[1,2,3,4,5,6,7,8,9,10].map(a, text + text + text + text).map(t, t + t + t + t)';
  expect(() => run(`[1,2,3,4,5,6,7,8,9].map(x, [1,2,3,4,5,6,7,8,9].map(y, ${doubled}.map(t, t+t+t+t+t+t+t+t)))`)).toThrow(
    'cost limit exceeded',
  );
});

test('matching is safe from expressions on which backtracking never ends', () => {
  expect(run('(text + "!").matches("^(a+)+$")')).toBe(false);
});
