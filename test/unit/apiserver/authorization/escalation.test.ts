// What somebody would give away beyond what they have, as they are told it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { covers } from '../../../../src/apiserver/authorization/covers.js';
import { escalation } from '../../../../src/apiserver/authorization/escalation.js';
import { RbacAuthorizer } from '../../../../src/apiserver/authorization/rbac.js';
import type { PolicyRule } from '../../../../src/kinds/types/rbac_v1.js';
import { binding, indexOf, role, user } from './policies.js';

const bob = { name: 'bob', groups: ['team', 'system:authenticated'] };

describe('escalation', () => {
  const rbac = new RbacAuthorizer(
    indexOf(
      role(
        'some',
        { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] },
        { verbs: ['get'], apiGroups: [''], resources: ['secrets'], resourceNames: ['a'] },
      ),
      binding('bob', 'some', user('bob')),
      binding('bob-lost', 'gone', user('bob')),
    ),
  );

  it('lets what one has be granted', () => {
    expect(escalation(rbac, bob, 'dev', [{ verbs: ['get'], apiGroups: [''], resources: ['pods'], resourceNames: ['x'] }])).toBeUndefined();
    expect(
      escalation(rbac, bob, 'dev', [{ verbs: ['get'], apiGroups: [''], resources: ['secrets'], resourceNames: ['a'] }]),
    ).toBeUndefined();
  });

  it('tells what is missing, verbs of one resource together, and what could not be resolved', () => {
    const wanted: PolicyRule[] = [
      { verbs: ['get', 'list', 'watch', 'delete'], apiGroups: [''], resources: ['pods'] },
      { verbs: ['get'], apiGroups: [''], resources: ['secrets'], resourceNames: ['a', 'b'] },
      { verbs: ['get'], nonResourceURLs: ['/metrics'] },
    ];
    expect(escalation(rbac, bob, undefined, wanted)).toBe(
      [
        'user "bob" (groups=["team" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:',
        '{APIGroups:[""], Resources:["pods"], Verbs:["delete" "watch"]}',
        '{APIGroups:[""], Resources:["secrets"], ResourceNames:["b"], Verbs:["get"]}',
        '{NonResourceURLs:["/metrics"], Verbs:["get"]}; resolution errors: clusterrole.rbac.authorization.k8s.io "gone" not found',
      ].join('\n'),
    );
  });
});

describe('covers', () => {
  it.each<[string, PolicyRule, PolicyRule, boolean]>([
    [
      'everything covers anything',
      { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
      { verbs: ['x'], apiGroups: ['y'], resources: ['z/s'] },
      true,
    ],
    [
      'one verb does not cover all',
      { verbs: ['get'], apiGroups: ['*'], resources: ['*'] },
      { verbs: ['*'], apiGroups: [''], resources: ['pods'] },
      false,
    ],
    [
      'a name does not cover all names',
      { verbs: ['get'], apiGroups: [''], resources: ['pods'], resourceNames: ['a'] },
      { verbs: ['get'], apiGroups: [''], resources: ['pods'] },
      false,
    ],
    [
      'a subresource of all covers one',
      { verbs: ['get'], apiGroups: ['*'], resources: ['*/scale'] },
      { verbs: ['get'], apiGroups: ['apps'], resources: ['deployments/scale'] },
      true,
    ],
    ['a prefix covers longer paths', { verbs: ['get'], nonResourceURLs: ['/a*'] }, { verbs: ['get'], nonResourceURLs: ['/a/b/*'] }, true],
    ['a path does not cover a prefix', { verbs: ['get'], nonResourceURLs: ['/a'] }, { verbs: ['get'], nonResourceURLs: ['/a*'] }, false],
    [
      'resources do not cover paths',
      { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
      { verbs: ['get'], nonResourceURLs: ['/a'] },
      false,
    ],
  ])('%s', (_, owned, wanted, answer) => {
    expect(covers([owned], wanted)).toBe(answer);
  });

  it('is so of any rule and itself', () => {
    const strings = fc.array(fc.string(), { minLength: 1, maxLength: 3 });
    const rule = fc.record({
      verbs: strings,
      apiGroups: strings,
      resources: strings,
      resourceNames: fc.array(fc.string(), { maxLength: 2 }),
    });
    fc.assert(fc.property(rule, (each) => covers([each], each)));
  });
});
