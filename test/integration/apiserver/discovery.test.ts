// Discovery and `explain` as every supported kubectl sees them, over the network.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareVersions } from '../../../src/apimachinery/version-order.js';
import type { AnyKind } from '../../../src/kinds/define.js';
import { kinds } from '../../../src/kinds/index.js';
import { startTestServer, type TestServer } from '../../suites/apiserver.js';
import { ALL_KUBECTL_VERSIONS, Kubectl } from '../../suites/kubectl.js';

let api: TestServer;

beforeAll(async () => {
  api = await startTestServer();
});
afterAll(() => api?.stop());

describe.each(ALL_KUBECTL_VERSIONS)('kubectl %s', (version) => {
  let kubectl: Kubectl;
  beforeAll(() => {
    kubectl = new Kubectl(version, api.kubeconfig, join(api.dir, `home-${version}`));
  });

  const rows = async (...args: string[]) => (await kubectl.ok(args)).split('\n').map((line) => line.split(/\s+/).join(' ').trim());

  it('finds every kind', async () => {
    const lines = await rows('api-resources');
    for (const { plural, shortNames = [], apiVersion, namespaced, kind } of kinds.filter(isPreferred)) {
      expect(lines).toContain([plural, shortNames.join(','), apiVersion, namespaced, kind].filter((each) => each !== '').join(' '));
    }
    expect((await rows('api-resources', '-o', 'wide')).find((line) => line.startsWith('pods '))).toMatch(
      /^pods po v1 true Pod \[?create,?\s?delete,?\s?deletecollection,?\s?get,?\s?list,?\s?patch,?\s?update,?\s?watch\]?( all)?$/,
    );
    expect(await rows('api-resources', '--namespaced=false', '-o', 'name')).toContain('nodes');
    expect(await rows('api-resources', '--api-group=apps', '-o', 'name')).toContain('deployments.apps');
    expect(await rows('api-versions')).toEqual(
      [...new Set(kinds.map(({ apiVersion }) => apiVersion)), ''].sort((a, b) => (a === '' ? 1 : b === '' ? -1 : a < b ? -1 : 1)),
    );
  });

  it('explains types and fields, in the words of Kubernetes', async () => {
    const text = (await kubectl.ok(['explain', 'pod.spec.containers'])).replaceAll(/\s+/g, ' ');
    expect(text).toMatch(/FIELDS?: containers <\[\]Container>|RESOURCE: containers <\[\]Object>/);
    expect(text).toContain('List of containers belonging to the pod.');
    expect(text).toMatch(/image <string>.*(Container|container) image name/);
    expect((await kubectl.ok(['explain', 'deployment.spec.strategy.rollingUpdate.maxSurge'])).replaceAll(/\s+/g, ' ')).toMatch(
      /KIND: Deployment VERSION: (apps\/v1|v1)|GROUP: apps KIND: Deployment VERSION: v1/,
    );
  });

  it('explains a kind with all below it', async () => {
    const text = await kubectl.ok(['explain', 'deployment', '--recursive']);
    for (const field of ['template', 'readinessProbe', 'maxUnavailable', 'observedGeneration'])
      expect(text).toMatch(new RegExp(`\\s${field}\\s+<`));
  });

  // The documents are the same for all: the two that read different ones.
  it.runIf(version === '1.20' || version === '1.35')(
    'explains every kind without a field that has no text',
    { timeout: 180_000 },
    async () => {
      const left = kinds.filter((kind) => version !== '1.20' || !isShadowed(kind));
      const explain = async () => {
        for (let kind = left.pop(); kind; kind = left.pop()) {
          const text = await kubectl.ok(['explain', kind.plural, `--api-version=${kind.apiVersion}`]);
          expect(text, kind.plural).toContain('FIELDS:');
          expect(text, kind.plural).not.toMatch(/<no description>|<empty>/);
        }
      };
      await Promise.all([explain(), explain(), explain()]);
    },
  );
});

/** An old kubectl looks for the kind that the first resource of this name has, whatever the version that it is asked for. */
const isShadowed = ({ kind, plural }: AnyKind) => kinds.find((other) => other.plural === plural)?.kind !== kind;

/** What `api-resources` lists: of a resource the version that its group prefers. */
const isPreferred = ({ group, plural, version }: AnyKind) =>
  !kinds.some((other) => other.group === group && other.plural === plural && compareVersions(other.version, version) > 0);
