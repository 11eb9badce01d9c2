// What a deletion does to an object.
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../src/apimachinery/object.js';
import {
  checkDeletionOptions,
  checkPreconditions,
  type DeletionOptions,
  decideDeletion,
  isDeletionComplete,
} from '../../../src/apiserver/deletion.js';
import type { ResourceExtension } from '../../../src/apiserver/extensions/extension.js';
import { namespaceFinalizers } from '../../../src/apiserver/extensions/namespaces.js';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { namespaces } from '../../../src/kinds/core/namespace.js';
import { pods } from '../../../src/kinds/core/pod.js';

const NOW_MS = Date.UTC(2030, 0, 1);
const configMap = (metadata: object = {}): KubeObject =>
  ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', uid: 'u', resourceVersion: '7', ...metadata } }) as KubeObject;
const pod = (metadata: object = {}, spec: object = { nodeName: 'n', terminationGracePeriodSeconds: 30 }): KubeObject =>
  ({ ...configMap(metadata), kind: 'Pod', spec, status: { phase: 'Running' } }) as KubeObject;
const decide = (object: KubeObject, options: DeletionOptions = {}) =>
  decideDeletion({ kind: object.kind === 'Pod' ? pods : configMaps, extension: undefined }, object, options, NOW_MS);

describe('deleting an object', () => {
  it('removes what nothing holds', () => expect(decide(configMap())).toEqual({ type: 'remove' }));

  it('marks what a finalizer holds', () => {
    const { type, object } = decide(configMap({ finalizers: ['a.b/c'] })) as { type: string; object: KubeObject };
    expect(type).toBe('mark');
    expect(object.metadata).toMatchObject({ deletionTimestamp: '2030-01-01T00:00:00Z', deletionGracePeriodSeconds: 0 });
  });

  it('adds the finalizer of the policy, and takes the other away', () => {
    const held = (options: DeletionOptions, finalizers?: string[]) =>
      (decide(configMap({ finalizers }), options) as { object?: KubeObject }).object?.metadata.finalizers;
    expect(held({ propagationPolicy: 'Foreground' })).toEqual(['foregroundDeletion']);
    expect(held({ propagationPolicy: 'Orphan' }, ['foregroundDeletion', 'x/y'])).toEqual(['x/y', 'orphan']);
    expect(held({ orphanDependents: true })).toEqual(['orphan']);
    expect(decide(configMap({ finalizers: ['orphan'] }), { propagationPolicy: 'Background' })).toEqual({ type: 'remove' });
  });

  it('gives a running pod its grace period, which a further deletion can only shorten', () => {
    const first = decide(pod()) as { object: KubeObject };
    expect(first.object.metadata).toMatchObject({ deletionTimestamp: '2030-01-01T00:00:30Z', deletionGracePeriodSeconds: 30 });
    expect(decide(first.object, { gracePeriodSeconds: 60 })).toEqual({ type: 'keep' });
    const shorter = decide(first.object, { gracePeriodSeconds: 10 }) as { object: KubeObject };
    expect(shorter.object.metadata).toMatchObject({ deletionTimestamp: '2030-01-01T00:00:10Z', deletionGracePeriodSeconds: 10 });
    expect(decide(first.object, { gracePeriodSeconds: 0 })).toEqual({ type: 'remove' });
  });

  it('removes a pod that no node runs at once', () => expect(decide(pod({}, {}))).toEqual({ type: 'remove' }));

  it('keeps a namespace until spec.finalizers are gone', () => {
    const extension = namespaceFinalizers as ResourceExtension;
    const namespace = {
      ...configMap(),
      kind: 'Namespace',
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    } as KubeObject;
    const marked = decideDeletion({ kind: namespaces, extension }, namespace, {}, NOW_MS) as unknown as { object: KubeObject };
    expect(marked.object).toMatchObject({ status: { phase: 'Terminating' } });
    expect(isDeletionComplete(extension, marked.object)).toBe(false);
    expect(isDeletionComplete(extension, { ...marked.object, spec: {} } as KubeObject)).toBe(true);
  });

  it('is not complete while a grace period runs', () => {
    const deleted = { deletionTimestamp: '2030-01-01T00:00:00Z' };
    expect(isDeletionComplete(undefined, configMap())).toBe(false);
    expect(isDeletionComplete(undefined, configMap({ ...deleted, deletionGracePeriodSeconds: 5 }))).toBe(false);
    expect(isDeletionComplete(undefined, configMap({ ...deleted, finalizers: ['x/y'] }))).toBe(false);
    expect(isDeletionComplete(undefined, configMap({ ...deleted, deletionGracePeriodSeconds: 0 }))).toBe(true);
  });

  it('refuses options that make no sense, and preconditions that do not hold', () => {
    expect(() => checkDeletionOptions({ propagationPolicy: 'Sideways' })).toThrow(
      /propagationPolicy: Unsupported value: "Sideways": supported values: "Foreground", "Background", "Orphan", "nil"/,
    );
    expect(() => checkDeletionOptions({ propagationPolicy: 'Orphan', orphanDependents: true })).toThrow(/cannot be both set/);
    expect(() => checkPreconditions(configMaps, configMap(), { uid: 'other' })).toThrow(
      /the UID in the precondition \(other\) does not match the UID in record \(u\)/,
    );
    expect(() => checkPreconditions(configMaps, configMap(), { resourceVersion: '6' })).toThrow(
      /the ResourceVersion in the precondition \(6\) does not match/,
    );
    expect(() => checkPreconditions(configMaps, configMap(), { uid: 'u', resourceVersion: '7' })).not.toThrow();
  });
});
