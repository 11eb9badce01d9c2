// Roles that gather others' rules by label: in order, each once, also of roles that gather themselves, and as labels come and go.
import { expect, test } from 'vitest';
import { clusterRoles } from '../../../src/kinds/rbac/clusterrole.js';
import { useControlPlane } from './control-plane.js';

const plane = useControlPlane();

const rule = (resource: string) => ({ apiGroups: [''], resources: [resource], verbs: ['get'] });
const make = (name: string, labels: { [key: string]: string }, resources: readonly string[], gathers?: string) =>
  plane.api.create(clusterRoles, {
    metadata: { name, labels },
    rules: resources.map(rule),
    ...(gathers && { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [gathers]: 'true' } }] } }),
  });
const gathered = async (name: string) => (await plane.api.get(clusterRoles, { name })).rules.map(({ resources }) => resources![0]);

test('a role gathers the rules of those that its selectors match, and those gather theirs', async () => {
  await make('admin', {}, ['stale'], 'to-admin');
  await make('edit', { 'to-admin': 'true' }, [], 'to-edit');
  await make('b', { 'to-edit': 'true' }, ['pods', 'secrets']);
  await make('a', { 'to-edit': 'true', 'to-admin': 'true' }, ['services', 'pods']);
  await make('c', {}, ['nodes']);
  await plane.quiet();
  expect(await gathered('edit')).toEqual(['services', 'pods', 'secrets']);
  expect(await gathered('admin')).toEqual(['services', 'pods', 'secrets']);
  expect(await gathered('c')).toEqual(['nodes']);

  await plane.api.patch(clusterRoles, { name: 'c' }, 'application/merge-patch+json', { metadata: { labels: { 'to-edit': 'true' } } });
  await plane.api.delete(clusterRoles, { name: 'b' });
  await plane.quiet();
  expect(await gathered('edit')).toEqual(['services', 'pods', 'nodes']);
  expect(await gathered('admin')).toEqual(['services', 'pods', 'nodes']);
});
