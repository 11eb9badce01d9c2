// --controllers: which controllers run, by upstream's names and rules.
import { expect, test } from 'vitest';
import { controllers } from '../../../src/controllers/index.js';
import { DEFAULT_CONTROLLERS, enabledControllers } from '../../../src/controllers/switches.js';

const all = controllers.map(({ name }) => name);
const chosen = (...wanted: string[]) => enabledControllers(controllers, wanted).map(({ name }) => name);
const onByDefault = all.filter((name) => !['bootstrap-signer', 'token-cleaner'].includes(name));
const without = (name: string) => onByDefault.filter((each) => each !== name);

test.each([
  ['where nothing is said all of them run', DEFAULT_CONTROLLERS, all],
  ['a star is all that are on by default', ['*'], onByDefault],
  ['with those of tokens as kubeadm names them', ['*', 'bootstrapsigner', 'tokencleaner'], all],
  ['a name alone is only that one', ['deployment-controller'], ['deployment']],
  ['names of before the ending was added', ['deployment', 'podgc'], ['deployment', 'pod-garbage-collector']],
  ['a star but one', ['*', '-replicaset-controller'], without('replicaset')],
  ['in whatever order', ['-garbagecollector', '*'], without('garbage-collector')],
  ['the first that is about a controller counts', ['*', '-namespace', 'namespace'], without('namespace')],
  ['what is only switched off leaves none', ['-namespace'], []],
  ['names as long as upstream has them', ['certificatesigningrequest-signing-controller'], ['csrsigning']],
])('%s', (_, wanted, expected) => expect(chosen(...wanted).sort()).toEqual([...expected].sort()));

test.each(['deplyoment', '-cloud', '', '-*x'])('%j is no controller', (name) =>
  expect(() => chosen('*', name)).toThrow(
    `--controllers: ${JSON.stringify(name.replace(/^-/, ''))} is not in the list of known controllers`,
  ));

test('each controller has a name of its own', () => expect(new Set(all).size).toBe(all.length));
