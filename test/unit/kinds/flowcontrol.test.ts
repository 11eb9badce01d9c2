// FlowSchemas and PriorityLevelConfigurations: defaults, refusals in upstream's words, what every cluster has, rows.
import { describe, expect, it } from 'vitest';
import { flowSchemas, MANDATORY_FLOW_SCHEMAS } from '../../../src/kinds/flowcontrol/flowschema.js';
import { MANDATORY_PRIORITY_LEVELS, priorityLevelConfigurations } from '../../../src/kinds/flowcontrol/prioritylevelconfiguration.js';
import { created, errorsOf, headingsOf, rowOf } from './objects.js';

describe('a FlowSchema', () => {
  const subject = { kind: 'Group', group: { name: 'system:nodes' } };
  const resources = { verbs: ['get'], apiGroups: ['*'], resources: ['pods'], namespaces: ['*'] };
  const schema = (spec: object = {}, name = 'mine') => ({
    metadata: { name },
    spec: { priorityLevelConfiguration: { name: 'low' }, ...spec },
  });
  const rule = (more: object) => ({ rules: [{ subjects: [subject], resourceRules: [resources], ...more }] });

  it.each([
    [rule({}), []],
    [
      { matchingPrecedence: 1 },
      ["spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1"],
    ],
    [{ matchingPrecedence: 10_001 }, ['spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000']],
    [{ priorityLevelConfiguration: {} }, ['spec.priorityLevelConfiguration.name: Required value: must reference a priority level']],
    [
      { distinguisherMethod: { type: 'ByMood' } },
      ['spec.distinguisherMethod.type: Unsupported value: {"type":"ByMood"}: supported values: "ByNamespace", "ByUser"'],
    ],
    [rule({ subjects: [] }), ['spec.rules[0].subjects: Required value: subjects must contain at least one value']],
    [
      rule({ subjects: [{ kind: 'Robot' }] }),
      ['spec.rules[0].subjects[0].kind: Unsupported value: "Robot": supported values: "Group", "ServiceAccount", "User"'],
    ],
    [
      rule({ subjects: [{ kind: 'User', group: { name: 'g' } }] }),
      [
        "spec.rules[0].subjects[0].user: Required value: user is required when subject kind is 'User'",
        "spec.rules[0].subjects[0].group: Forbidden: group is forbidden when subject kind is not 'Group'",
      ],
    ],
    [
      rule({ subjects: [{ kind: 'ServiceAccount', serviceAccount: { name: '*', namespace: '' } }] }),
      ['spec.rules[0].subjects[0].serviceAccount.namespace: Required value: must specify namespace for service account'],
    ],
    [
      rule({ resourceRules: [] }),
      ['spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty'],
    ],
    [
      rule({ resourceRules: [{ ...resources, verbs: ['*', 'get'], namespaces: [] }] }),
      [
        'spec.rules[0].resourceRules[0].verbs: Invalid value: ["*","get"]: if \'*\' is present, must not specify other verbs',
        'spec.rules[0].resourceRules[0].namespaces: Required value: resource rules that are not cluster scoped must supply at least one namespace',
      ],
    ],
    [
      rule({ nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['healthz', '/a*', '/b//c', '/d/*'] }] }),
      [
        'spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: "healthz": must start with slash',
        'spec.rules[0].nonResourceRules[0].nonResourceURLs[1]: Invalid value: "/a*": wildcard can only do suffix matching',
        'spec.rules[0].nonResourceRules[0].nonResourceURLs[2]: Invalid value: "/b//c": must not contain double slash',
      ],
    ],
  ])('with the spec %j gets the errors %j', (spec, errors) => {
    expect(errorsOf(flowSchemas, schema(spec))).toEqual(errors);
  });

  it.each(Object.entries(MANDATORY_FLOW_SCHEMAS))('%s is as every cluster has it', (name, spec) => {
    expect(errorsOf(flowSchemas, { metadata: { name }, spec })).toEqual([]);
    expect(errorsOf(flowSchemas, { metadata: { name }, spec: { ...spec, rules: [] } })).toEqual([
      expect.stringMatching(new RegExp(`^spec: Invalid value: .*: spec of '${name}' must equal the fixed value$`)),
    ]);
  });

  it('is a row', () => {
    expect(headingsOf(flowSchemas)).toEqual(['NAME', 'PRIORITYLEVEL', 'MATCHINGPRECEDENCE', 'DISTINGUISHERMETHOD', 'AGE', 'MISSINGPL']);
    const object = created(flowSchemas, schema());
    expect(rowOf(flowSchemas, object)).toEqual(['mine', 'low', 1000, '<none>', '24h', '?']);
    const status = { conditions: [{ type: 'Dangling', status: 'False' }] };
    expect(rowOf(flowSchemas, { ...object, status })[5]).toBe('False');
  });
});

describe('a PriorityLevelConfiguration', () => {
  const level = (spec: object, name = 'mine') => ({ metadata: { name }, spec });
  const limited = (limitResponse: object, more: object = {}) => ({ type: 'Limited', limited: { limitResponse, ...more } });

  it('gets defaults', () => {
    expect(created(priorityLevelConfigurations, level(limited({ type: 'Queue', queuing: {} }))).spec).toEqual({
      type: 'Limited',
      limited: {
        nominalConcurrencyShares: 30,
        lendablePercent: 0,
        limitResponse: { type: 'Queue', queuing: { queues: 64, handSize: 8, queueLengthLimit: 50 } },
      },
    });
  });

  it.each([
    [limited({ type: 'Reject' }), []],
    [{ type: 'Exempt' }, ["spec.type: Invalid value: \"Exempt\": type must be 'Exempt' if and only if name is 'exempt'"]],
    [{ type: 'Limited' }, ['spec.limited: Required value: must not be empty when type is Limited']],
    [{ type: 'Unlimited' }, ['spec.type: Unsupported value: "Unlimited": supported values: "Exempt", "Limited"']],
    [
      limited({ type: 'Reject', queuing: {} }),
      ['spec.limited.limitResponse.queuing: Forbidden: must be nil if limited.limitResponse.type is not Limited'],
    ],
    [
      limited({ type: 'Queue' }),
      ['spec.limited.limitResponse.queuing: Required value: must not be empty if limited.limitResponse.type is Limited'],
    ],
    [
      limited({ type: 'Queue', queuing: { queues: 4, handSize: 5 } }),
      ['spec.limited.limitResponse.queuing.handSize: Invalid value: 5: should not be greater than queues (4)'],
    ],
    [
      limited({ type: 'Queue', queuing: { queues: 1024, handSize: 8 } }),
      [
        'spec.limited.limitResponse.queuing.handSize: Invalid value: 8: required entropy bits of deckSize 1024 and handSize 8 should not be greater than 60',
      ],
    ],
    [
      limited({ type: 'Reject' }, { lendablePercent: 101, borrowingLimitPercent: -1 }),
      [
        'spec.limited.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive',
        'spec.limited.borrowingLimitPercent: Invalid value: -1: if specified, must be a non-negative integer',
      ],
    ],
  ])('with the spec %j gets the errors %j', (spec, errors) => {
    expect(errorsOf(priorityLevelConfigurations, level(spec))).toEqual(errors);
  });

  it.each(Object.entries(MANDATORY_PRIORITY_LEVELS))('%s is as every cluster has it', (name, spec) => {
    expect(errorsOf(priorityLevelConfigurations, level(spec, name))).toEqual([]);
  });

  it('is a row', () => {
    expect(headingsOf(priorityLevelConfigurations)).toEqual([
      'NAME',
      'TYPE',
      'NOMINALCONCURRENCYSHARES',
      'QUEUES',
      'HANDSIZE',
      'QUEUELENGTHLIMIT',
      'AGE',
    ]);
    const row = (spec: object) => rowOf(priorityLevelConfigurations, created(priorityLevelConfigurations, level(spec)));
    expect(row(limited({ type: 'Queue', queuing: {} }))).toEqual(['mine', 'Limited', 30, 64, 8, 50, '24h']);
    expect(row({ type: 'Exempt' })).toEqual(['mine', 'Exempt', '<none>', '<none>', '<none>', '<none>', '24h']);
  });
});
