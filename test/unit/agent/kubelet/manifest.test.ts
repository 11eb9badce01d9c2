// What becomes of the text of a static pod's manifest.
import { describe, expect, it } from 'vitest';
import { staticPod } from '../../../../agent/kubelet/static/manifest.js';
import { isStaticPod, mirrorOf, podLookup } from '../../../../agent/kubelet/static/mirror.js';
import type { Informer } from '../../../../src/client/informer.js';
import type { Node, Pod } from '../../../../src/kinds/types/core_v1.js';

const context = { path: '/etc/kubernetes/manifests/web.yaml', nodeName: 'node-1', seenAt: '2026-01-01T00:00:00Z' };
const read = (text: string, extra: Partial<typeof context> = {}) => staticPod(Buffer.from(text), { ...context, ...extra });
const WEB = 'apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: main, image: nginx}]}\n';

describe('a manifest', () => {
  it('makes a pod of this node, with all defaults', () => {
    const pod = read(WEB);
    expect(pod.metadata).toMatchObject({
      name: 'web-node-1',
      namespace: 'default',
      uid: expect.stringMatching(/^[0-9a-f]{32}$/),
      annotations: {
        'kubernetes.io/config.hash': pod.metadata.uid,
        'kubernetes.io/config.source': 'file',
        'kubernetes.io/config.seen': context.seenAt,
      },
    });
    expect(pod.spec).toMatchObject({
      nodeName: 'node-1',
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      tolerations: [{ operator: 'Exists', effect: 'NoExecute' }],
      containers: [{ imagePullPolicy: 'Always', terminationMessagePath: '/dev/termination-log' }],
    });
    expect(isStaticPod(pod)).toBe(true);
  });

  it('has the same uid wherever nothing that counts has changed', () => {
    const { uid } = read(WEB).metadata;
    const json = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web' },
      spec: { containers: [{ name: 'main', image: 'nginx' }] },
    });
    for (const same of [read(`# Mine.\n${WEB}`), read(json), read(WEB, { seenAt: '2027-01-01T00:00:00Z' })])
      expect(same.metadata.uid).toBe(uid);
    const others = [read(WEB.replace('nginx', 'nginx:2')), read(WEB, { nodeName: 'other' }), read(WEB, { path: '/other' })];
    expect(new Set([uid, ...others.map(({ metadata }) => metadata.uid)]).size).toBe(4);
    expect(read(WEB.replace('name: web', 'name: web, uid: mine')).metadata.uid).toBe('mine');
  });

  it.each([
    ['no object', '[]', 'it is no Pod of v1'],
    ['another kind', WEB.replace('Pod', 'Service'), 'it is no Pod of v1'],
    ['no name', WEB.replace('name: web', ''), 'metadata.name'],
    ['no containers', WEB.replace('{name: main, image: nginx}', ''), 'spec.containers'],
    ['a bad name', WEB.replace('name: web', 'name: Web_'), 'RFC 1123'],
    ['no YAML', 'kind: [', 'yaml'],
  ])('is refused: %s', (_, text, problem) => {
    expect(() => read(text)).toThrow(problem);
  });
});

it('a mirror shows it, and leads to its containers', () => {
  const pod = read(WEB);
  const node = { metadata: { name: 'node-1', uid: 'n1' } } as Node;
  const mirror = { ...mirrorOf(pod, node), status: {} } as Pod;
  expect(mirror.metadata).toMatchObject({
    name: 'web-node-1',
    annotations: { 'kubernetes.io/config.mirror': pod.metadata.uid },
    ownerReferences: [{ kind: 'Node', name: 'node-1', uid: 'n1', controller: true }],
  });
  expect(mirror.metadata.uid).toBeUndefined();
  expect(isStaticPod(mirror)).toBe(false);
  const stored = { ...mirror, metadata: { ...mirror.metadata, uid: 'of-the-mirror' } };
  const informer = { get: () => stored, list: () => [stored] } as Partial<Informer<Pod>> as Informer<Pod>;
  expect(podLookup(informer).pod('default', 'web-node-1')?.metadata.uid).toBe(pod.metadata.uid);
});
