// kubectl's apply, both ways, and what is near it: conflicts, diff, edit, replace, pruning, and the move from the one way to the other.
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../suites/apiserver.js';
import { ALL_KUBECTL_VERSIONS, Kubectl } from '../../suites/kubectl.js';

for (const version of ALL_KUBECTL_VERSIONS) {
  describe(`kubectl ${version}`, () => {
    let api: TestServer;
    let kubectl: Kubectl;

    beforeAll(async () => {
      api = await startTestServer();
      kubectl = new Kubectl(version, api.kubeconfig, join(api.dir, 'home'));
    });
    afterAll(() => api?.stop());

    const configMap = (name: string, data: object, labels: object = {}) =>
      JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels }, data });
    const deployment = (image: string, replicas?: number) =>
      JSON.stringify({
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'web' },
        spec: {
          ...(replicas === undefined ? {} : { replicas }),
          selector: { matchLabels: { app: 'web' } },
          template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image }] } },
        },
      });
    const applied = (args: readonly string[], input: string) => kubectl.ok(['apply', '--server-side', ...args, '-f', '-'], input);
    const managers = async (name: string) =>
      (await kubectl.ok(['get', name, '-o', 'jsonpath={range .metadata.managedFields[*]}{.manager}/{.operation} {end}'])).trim().split(' ');

    it('applies on the server: creates, changes, leaves alone, and removes what is gone', async () => {
      expect(await applied([], configMap('c', { a: '1', b: '1' }))).toBe('configmap/c serverside-applied\n');
      const version1 = await kubectl.ok(['get', 'cm', 'c', '-o', 'jsonpath={.metadata.resourceVersion}']);
      await applied([], configMap('c', { a: '1', b: '1' }));
      expect(await kubectl.ok(['get', 'cm', 'c', '-o', 'jsonpath={.metadata.resourceVersion}'])).toBe(version1);
      await applied([], configMap('c', { a: '2' }));
      expect(JSON.parse(await kubectl.ok(['get', 'cm', 'c', '-o', 'jsonpath={.data}']))).toEqual({ a: '2' });
      expect(await managers('cm/c')).toEqual(['kubectl/Apply']);
    });

    it('is told of conflicts, by whom, and overrides them when asked to', async () => {
      await applied([], deployment('a', 1));
      await kubectl.ok(['scale', 'deployment/web', '--replicas=3']);
      const stderr = await kubectl.fails(['apply', '--server-side', '-f', '-'], deployment('a', 2));
      expect(stderr).toMatch(
        /Apply failed with 1 conflict: conflict with "kubectl"( with subresource "scale")? using .*: \.spec\.replicas/,
      );
      expect(stderr).toContain('--force-conflicts');
      expect(await applied(['--force-conflicts'], deployment('a', 2))).toBe('deployment.apps/web serverside-applied\n');
      expect(await kubectl.ok(['get', 'deploy', 'web', '-o', 'jsonpath={.spec.replicas}'])).toBe('2');
      expect(await applied(['--field-manager=ci'], deployment('a'))).toBe('deployment.apps/web serverside-applied\n');
      expect((await managers('deploy/web')).sort()).toContain('ci/Apply');
    });

    it('shows what an apply would change, without changing it', async () => {
      const diff = await kubectl.run(['diff', '--server-side', '--force-conflicts', '-f', '-'], deployment('b', 2));
      expect(diff.code).toBe(1);
      expect(diff.stdout).toMatch(/-.*image: a\n\+.*image: b/);
      expect((await kubectl.run(['diff', '--server-side', '--force-conflicts', '-f', '-'], deployment('a', 2))).stdout).toBe('');
      expect(await kubectl.ok(['get', 'deploy', 'web', '-o', 'jsonpath={.spec.template.spec.containers[0].image}'])).toBe('a');
      expect(
        await kubectl.ok(['apply', '--server-side', '--force-conflicts', '--dry-run=server', '-f', '-'], deployment('b', 2)),
      ).toContain('(server dry run)');
    });

    it('moves from its own apply to the server’s, and back', async () => {
      expect(await kubectl.ok(['apply', '-f', '-'], configMap('moved', { a: '1', b: '1' }))).toBe('configmap/moved created\n');
      expect(await managers('cm/moved')).toEqual(['kubectl-client-side-apply/Update']);
      expect(await applied([], configMap('moved', { a: '2', b: '1' }))).toBe('configmap/moved serverside-applied\n');
      const annotation = await kubectl.ok([
        'get',
        'cm',
        'moved',
        '-o',
        'jsonpath={.metadata.annotations.kubectl\\.kubernetes\\.io/last-applied-configuration}',
      ]);
      expect(JSON.parse(annotation).data).toEqual({ a: '2', b: '1' });
      expect(await kubectl.ok(['apply', '-f', '-'], configMap('moved', { a: '2' }))).toMatch(/configmap\/moved configured\n$/);
      expect(JSON.parse(await kubectl.ok(['get', 'cm', 'moved', '-o', 'jsonpath={.data}']))).toEqual({ a: '2' });
    });

    it('hides managed fields until it is asked for them', async () => {
      const shown = version === '1.20' ? [] : ['--show-managed-fields'];
      expect(await kubectl.ok(['get', 'cm', 'moved', '-o', 'yaml', ...shown])).toContain('managedFields:');
      if (shown.length > 0) expect(await kubectl.ok(['get', 'cm', 'moved', '-o', 'yaml'])).not.toContain('managedFields:');
    });

    it('edits and replaces', async () => {
      const editor = join(api.dir, 'editor.sh');
      writeFileSync(editor, '#!/bin/sh\nsed -i "s/a: .*/a: edited/" "$1"\n');
      chmodSync(editor, 0o755);
      const edit = await kubectl.run(['edit', 'cm', 'moved'], undefined, { KUBE_EDITOR: editor });
      expect(edit.stderr + edit.stdout).toContain('configmap/moved edited');
      expect((await managers('cm/moved')).some((manager) => manager === 'kubectl-edit/Update')).toBe(true);
      expect(await kubectl.ok(['replace', '-f', '-'], configMap('moved', { z: '1' }))).toBe('configmap/moved replaced\n');
      expect(JSON.parse(await kubectl.ok(['get', 'cm', 'moved', '-o', 'jsonpath={.data}']))).toEqual({ z: '1' });
      expect(await managers('cm/moved')).toContain('kubectl-replace/Update');
      const stale = JSON.parse(await kubectl.ok(['get', 'cm', 'moved', '-o', 'json']));
      await kubectl.ok(['label', 'cm', 'moved', 'x=y']);
      expect(await kubectl.fails(['replace', '-f', '-'], JSON.stringify(stale))).toContain(
        'Operation cannot be fulfilled on configmaps "moved"',
      );
      expect(await kubectl.ok(['replace', '--force', '-f', '-'], JSON.stringify(stale))).toContain('configmap/moved replaced');
    });

    it('prunes what its files no longer have', async () => {
      const list = (...names: string[]) =>
        JSON.stringify({
          apiVersion: 'v1',
          kind: 'List',
          items: names.map((name) => JSON.parse(configMap(name, { a: '1' }, { set: 'one' }))),
        });
      await kubectl.ok(['apply', '-f', '-'], list('kept', 'gone'));
      const allow = version === '1.20' ? '--prune-whitelist=core/v1/ConfigMap' : '--prune-allowlist=core/v1/ConfigMap';
      expect(await kubectl.ok(['apply', '--prune', '-l', 'set=one', allow, '-f', '-'], list('kept'))).toContain('configmap/gone pruned');
      expect(await kubectl.ok(['get', 'cm', '-l', 'set=one', '-o', 'name'])).toBe('configmap/kept\n');
    });
  });
}
