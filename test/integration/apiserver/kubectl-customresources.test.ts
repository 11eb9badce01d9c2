// Custom resources as the real kubectl uses them, each supported version.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../suites/apiserver.js';
import { crontab, crontabs } from '../../suites/custom-resources.js';
import { ALL_KUBECTL_VERSIONS, Kubectl } from '../../suites/kubectl.js';

for (const version of ALL_KUBECTL_VERSIONS) {
  describe(`kubectl ${version}`, () => {
    let api: TestServer;
    let kubectl: Kubectl;
    const file = (name: string, object: object) => {
      const path = join(api.dir, `${name}.json`);
      writeFileSync(path, JSON.stringify(object));
      return path;
    };

    beforeAll(async () => {
      api = await startTestServer();
      kubectl = new Kubectl(version, api.kubeconfig, join(api.dir, 'home'));
    });
    afterAll(() => api?.stop());

    it('defines them, waits and uses them at once', async () => {
      expect(await kubectl.ok(['create', '-f', file('definition', crontabs())])).toBe(
        'customresourcedefinition.apiextensions.k8s.io/crontabs.stable.example.com created\n',
      );
      await kubectl.ok(['wait', '--for=condition=Established', 'crd/crontabs.stable.example.com', '--timeout=20s']);
      expect(await kubectl.ok(['get', 'crd'])).toMatch(/^NAME +CREATED AT\ncrontabs\.stable\.example\.com +\d{4}-\d\d-\d\dT[\d:]+Z\n$/);
      expect(await kubectl.ok(['create', '-f', file('a', crontab('a', { replicas: 2 }))])).toBe('crontab.stable.example.com/a created\n');
    });

    it('shows them by short name, with their columns, and among all', async () => {
      expect(await kubectl.ok(['get', 'ct'])).toMatch(/^NAME +SPEC +REPLICAS +AGE\na +\* \* \* \* 5 +2 +\d+s\n$/);
      expect(await kubectl.ok(['get', 'ct', '-o', 'wide'])).toMatch(/IMAGE\n.*busybox\n$/);
      expect(await kubectl.ok(['get', 'all'])).toContain('crontab.stable.example.com/a');
      expect(await kubectl.ok(['get', 'crontab', 'a', '-o', 'jsonpath={.spec.image}'])).toBe('busybox');
      expect(await kubectl.ok(['describe', 'ct', 'a'])).toMatch(/Kind: +CronTab[\s\S]*Cron Spec: +\* \* \* \* 5/);
      expect(await kubectl.ok(['api-resources', '--api-group=stable.example.com'])).toMatch(
        /crontabs +ct +stable.example.com\/v1 +true +CronTab/,
      );
    });

    it('explains them', async () => {
      expect(await kubectl.ok(['explain', 'crontab.spec'])).toMatch(
        /What to run, and when[\s\S]*cronSpec\s+<string> -required-[\s\S]*When it is run/,
      );
    });

    it('applies, patches, scales and labels them', async () => {
      const path = file('b', crontab('b', { replicas: 1 }));
      expect(await kubectl.ok(['apply', '-f', path])).toBe('crontab.stable.example.com/b created\n');
      expect(await kubectl.ok(['apply', '-f', path])).toBe('crontab.stable.example.com/b unchanged\n');
      file('b', crontab('b', { replicas: 3 }));
      expect(await kubectl.ok(['apply', '-f', path])).toBe('crontab.stable.example.com/b configured\n');
      expect(await kubectl.ok(['apply', '--server-side', '--force-conflicts', '-f', path])).toContain('serverside-applied');
      expect(await kubectl.ok(['scale', 'crontab/b', '--replicas=5'])).toBe('crontab.stable.example.com/b scaled\n');
      expect(await kubectl.ok(['get', 'crontab', 'b', '-o', 'jsonpath={.spec.replicas}'])).toBe('5');
      expect(await kubectl.ok(['patch', 'crontab', 'b', '--type=merge', '-p', '{"spec":{"image":"nginx"}}'])).toContain('patched');
      expect(await kubectl.ok(['label', 'crontab', 'b', 'tier=x'])).toContain('labeled');
      expect(await kubectl.ok(['get', 'crontabs', '-l', 'tier=x', '-o', 'name'])).toBe('crontab.stable.example.com/b\n');
    });

    it('is told what is wrong', async () => {
      const bad = await kubectl.run(['create', '-f', file('bad', crontab('bad', { replicas: 11 }))]);
      expect(bad.code).toBe(1);
      expect(bad.stderr).toContain(
        'The CronTab "bad" is invalid: spec.replicas: Invalid value: 11: spec.replicas in body should be less than or equal to 10',
      );
    });

    it('removes them, and their definition with all that is left', async () => {
      expect(await kubectl.ok(['delete', 'crontab', 'b'])).toMatch(/crontab.stable.example.com "b" deleted/);
      expect(await kubectl.ok(['delete', 'crd', 'crontabs.stable.example.com'])).toMatch(/"crontabs.stable.example.com" deleted/);
      expect((await kubectl.run(['get', 'crontabs'])).stderr).toMatch(
        /the server (could not find the requested resource|doesn't have a resource type)/,
      );
      expect((await api.backend.range({ key: '/registry/stable.example.com/', rangeEnd: '/registry/stable.example.com0' })).kvs).toEqual(
        [],
      );
    });
  });
}
