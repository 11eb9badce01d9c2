// The course's manifests: each says nothing unknown, is taken as it stands, and the selectors find the pods meant.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { selectorOf, selectorOfMap } from '../../../src/apimachinery/labels.js';
import { normalize } from '../../../src/apimachinery/normalize.js';
import { kindByGvk, schemas } from '../../../src/kinds/index.js';
import { errorsOf } from './objects.js';

const directory = new URL('../../../manifests/', import.meta.url);
const files = readdirSync(directory).filter((name) => /\.ya?ml$/.test(name));
const read = (name: string) => parse(readFileSync(new URL(name, directory), 'utf8'));

describe('manifests', () => {
  it('has one for each object a course starts with', () => {
    expect(files.sort()).toEqual([
      'compute-quota.yaml',
      'deployment-definition.yml',
      'namespace-dev.yaml',
      'pod-definition.yaml',
      'rc-definition.yaml',
      'replicaset-definition.yaml',
      'service-definition.yml',
      'two-container-pod.yaml',
    ]);
  });

  it.each(files)('%s is taken as it stands', (name) => {
    const object = read(name);
    const kind = kindByGvk(object.apiVersion, object.kind);
    expect(kind).toBeDefined();
    if (!kind) return;
    expect(normalize(schemas.get(kind.schema), object).unknownFields).toEqual([]);
    expect(errorsOf<never>(kind as never, object)).toEqual([]);
  });

  it('the Service leads to the pods of the others, and no controller takes another’s', () => {
    const labels = (name: string) => read(name).spec.template?.metadata.labels ?? read(name).metadata.labels;
    const service = selectorOfMap(read('service-definition.yml').spec.selector);
    const replicaSet = selectorOf(read('replicaset-definition.yaml').spec.selector);
    const deployment = selectorOf(read('deployment-definition.yml').spec.selector);
    const controller = selectorOfMap(labels('rc-definition.yaml'));
    for (const name of ['pod-definition.yaml', 'replicaset-definition.yaml', 'deployment-definition.yml']) {
      expect([name, service.matches(labels(name))]).toEqual([name, true]);
    }
    // The ReplicaSet adopts the bare pod: the course shows that.
    expect(replicaSet.matches(labels('pod-definition.yaml'))).toBe(true);
    expect(replicaSet.matches(labels('deployment-definition.yml'))).toBe(false);
    expect(deployment.matches(labels('replicaset-definition.yaml'))).toBe(false);
    for (const name of files.filter((file) => /^(pod|replicaset|deployment)/.test(file)))
      expect(controller.matches(labels(name))).toBe(false);
  });
});
