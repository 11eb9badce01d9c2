// Metadata of any kind: names, namespaces, labels, annotations, owners, finalizers.
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../src/apimachinery/object.js';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { namespaces } from '../../../src/kinds/core/namespace.js';
import { nodes } from '../../../src/kinds/core/node.js';
import { pods } from '../../../src/kinds/core/pod.js';
import type { AnyKind } from '../../../src/kinds/define.js';
import { validateObjectMeta, validateObjectMetaUpdate } from '../../../src/kinds/validation.js';
import { text } from './objects.js';

const meta = (more: object = {}) => ({ name: 'x', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '', ...more });
const object = (more: object = {}): KubeObject => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: meta(more) });
const errors = (more: object, kind: AnyKind = configMaps) => validateObjectMeta(kind, object(more)).map(text);
const owner = (more: object = {}) => ({ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'u', ...more });

describe('creating any object', () => {
  it('takes names with dots, or dashes where they are generated', () => {
    expect(errors({ name: 'a.b-c' })).toEqual([]);
    expect(errors({ name: 'web-x7f2k', generateName: 'web-' }, pods)).toEqual([]);
  });

  it.each([
    ['no name', { name: '' }, 'metadata.name: Required value: name or generateName is required'],
    ['no namespace', { namespace: undefined }, 'metadata.namespace: Required value'],
    [
      'a bad namespace',
      { namespace: 'a.b' },
      expect.stringMatching(/^metadata\.namespace: Invalid value: "a\.b": a lowercase RFC 1123 label must/),
    ],
    [
      'an upper-case name',
      { name: 'X' },
      expect.stringMatching(/^metadata\.name: Invalid value: "X": a lowercase RFC 1123 subdomain must/),
    ],
    ['a bad label', { labels: { app: 'a b' } }, expect.stringMatching(/^metadata\.labels: Invalid value: "a b": a valid label must/)],
    ['a bad label key', { labels: { 'a b': 'x' } }, expect.stringMatching(/^metadata\.labels: Invalid value: "a b": name part must/)],
    ['a bad annotation key', { annotations: { '/x': '' } }, 'metadata.annotations: Invalid value: "/x": prefix part must be non-empty'],
    [
      'too many annotations',
      { annotations: { a: 'x'.repeat(262_144) } },
      'metadata.annotations: Too long: may not be more than 262144 bytes',
    ],
    [
      'an owner without uid',
      { ownerReferences: [owner({ uid: '' })] },
      'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
    ],
    [
      'two controllers',
      { ownerReferences: [owner({ controller: true }), owner({ name: 'b', controller: true })] },
      expect.stringMatching(
        /Only one reference can have Controller set to true\. Found "true" in references for ReplicaSet\/web and ReplicaSet\/b$/,
      ),
    ],
    [
      'an owner that passes',
      { ownerReferences: [owner({ apiVersion: 'v1', kind: 'Event' })] },
      expect.stringMatching(/\/v1, Kind=Event is disallowed from being an owner$/),
    ],
    [
      'a finalizer of nobody',
      { finalizers: ['mine'] },
      'metadata.finalizers: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
    ],
    [
      'finalizers that contradict each other',
      { finalizers: ['orphan', 'foregroundDeletion'] },
      'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set',
    ],
  ])('refuses %s', (_name, more, error) => {
    expect(errors(more)).toEqual([error]);
  });

  it('knows each kind’s own rule, and where there is no namespace', () => {
    expect(errors({ name: 'a.b', namespace: undefined }, namespaces)[0]).toMatch(
      /^metadata\.name: Invalid value: "a\.b": a lowercase RFC 1123 label/,
    );
    expect(errors({ name: 'node.lan' }, nodes)).toEqual(['metadata.namespace: Forbidden: not allowed on this type']);
  });

  it('takes upper-case annotation keys, qualified finalizers and several owners', () => {
    const more = {
      annotations: { 'example.com/Note': '' },
      finalizers: ['example.com/wait'],
      ownerReferences: [owner({ controller: true }), owner()],
    };
    expect(errors(more)).toEqual([]);
  });
});

describe('changing any object', () => {
  const changes = (after: object, before: object = {}) => validateObjectMetaUpdate(object(after), object(before)).map(text);

  it('may change labels, annotations and finalizers', () => {
    expect(changes({ labels: { a: 'b' }, finalizers: ['example.com/wait'] })).toEqual([]);
  });

  it('may not change who it is', () => {
    expect(changes({ name: 'y' })).toEqual(['metadata.name: Invalid value: "y": field is immutable']);
    expect(changes({ uid: 'v' })).toEqual(['metadata.uid: Invalid value: "v": field is immutable']);
  });

  it('may lose finalizers while it goes, but get no new ones', () => {
    const going = { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['example.com/wait'] };
    expect(changes({ ...going, finalizers: [] }, going)).toEqual([]);
    expect(changes({ ...going, finalizers: ['example.com/wait', 'example.com/more'] }, going)).toEqual([
      'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"example.com/more"}',
    ]);
  });
});
