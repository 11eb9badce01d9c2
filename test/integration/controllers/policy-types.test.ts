// What a ValidatingAdmissionPolicy's status says of expressions that do not fit the types that it is about.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { validatingAdmissionPolicies } from '../../../src/kinds/admissionregistration/validatingadmissionpolicy.js';
import { customResourceDefinitions } from '../../../src/kinds/apiextensions/customresourcedefinition.js';
import { crontabs } from '../../suites/custom-resources.js';
import { type Cluster, startCluster } from './harness.js';

let cluster: Cluster;
beforeEach(async () => {
  cluster = await startCluster();
});
afterEach(() => cluster.stop());

const rule = (group: string, resources: string[], apiVersions = ['v1']) => ({
  apiGroups: [group],
  apiVersions,
  resources,
  operations: ['CREATE' as const],
});
let count = 0;

/** The type checking of a policy with these rules and validations, once it has been done. */
async function checked(resourceRules: object[], validations: object[], more: object = {}) {
  const name = `p${++count}`;
  const spec = { matchConstraints: { resourceRules }, validations, ...more };
  const make = () => cluster.client.create(validatingAdmissionPolicies, { metadata: { name }, spec } as never);
  await make();
  const get = () => cluster.client.get(validatingAdmissionPolicies, { name });
  await cluster.until('the policy is checked', async () => {
    const { metadata, status } = await get();
    return status?.observedGeneration === metadata.generation;
  });
  return (await get()).status?.typeChecking;
}

describe('type checking', () => {
  it('has nothing to say of expressions that fit', async () => {
    const validations = [
      { expression: 'object.spec.replicas <= 5 && object.metadata.labels["a"] == "b"' },
      { expression: 'oldObject == null || !has(oldObject.spec.paused)', messageExpression: '"no " + object.metadata.name' },
      { expression: 'object.spec.template.spec.containers.all(c, quantity(string(c.resources.limits["cpu"])).isLessThan(quantity("2")))' },
      {
        expression: 'object.metadata.creationTimestamp < timestamp("2030-01-01T00:00:00Z") && authorizer.path("/").check("get").allowed()',
      },
    ];
    expect(await checked([rule('apps', ['deployments'])], validations)).toEqual({});
  });

  it('tells of fields that are not there and of types that do not fit, for each type', async () => {
    const validations = [{ expression: 'object.replicas > 1' }, { expression: 'true', messageExpression: 'object.spec.replicas + "a"' }];
    expect(await checked([rule('apps', ['replicasets', 'deployments'])], validations)).toEqual({
      expressionWarnings: [
        {
          fieldRef: 'spec.validations[0].expression',
          warning: [
            "apps/v1, Kind=Deployment: ERROR: <input>:1:7: undefined field 'replicas'\n | object.replicas > 1\n | ......^",
            "apps/v1, Kind=ReplicaSet: ERROR: <input>:1:7: undefined field 'replicas'\n | object.replicas > 1\n | ......^",
          ].join('\n'),
        },
        {
          fieldRef: 'spec.validations[1].messageExpression',
          warning: expect.stringContaining(
            "apps/v1, Kind=Deployment: ERROR: <input>:1:1: found no matching overload for '_+_' applied to '(int, string)'",
          ),
        },
      ],
    });
  });

  it('is left out where a rule is about everything, and of subresources', async () => {
    const validations = [{ expression: 'object.nothing == 1' }];
    expect(await checked([rule('*', ['deployments']), rule('', ['*']), rule('', ['pods/status'])], validations)).toEqual({});
  });

  it('knows custom resources, and the kind of the parameters', async () => {
    await cluster.client.create(customResourceDefinitions, crontabs() as never);
    const validations = [{ expression: 'object.spec.image == params.data["image"]' }, { expression: 'object.spec.size > params.size' }];
    const paramKind = { apiVersion: 'v1', kind: 'ConfigMap' };
    await cluster.until('the definition is known', async () => (await cluster.client.list(customResourceDefinitions)).items.length === 1);
    expect(await checked([rule('stable.example.com', ['crontabs'])], validations, { paramKind })).toEqual({
      expressionWarnings: [
        {
          fieldRef: 'spec.validations[1].expression',
          warning: expect.stringContaining("stable.example.com/v1, Kind=CronTab: ERROR: <input>:1:12: undefined field 'size'"),
        },
      ],
    });
  });
});
