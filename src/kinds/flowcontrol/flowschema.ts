// The kind FlowSchema of flowcontrol.apiserver.k8s.io/v1.
import { type FieldError, invalid, notSupported, required } from '../../apimachinery/field.js';
import { isDns1123Subdomain } from '../../apimachinery/names.js';
import { invalids, sameJson } from '../checks.js';
import { ageColumn, column, NONE, nameColumn } from '../columns.js';
import { CLIENT_META, type Column, defineKind } from '../define.js';
import type { FlowSchema, FlowSchemaSpec } from '../types/flowcontrol_v1.js';
import { validateConditions, validateRules } from './checks.js';

const PRECEDENCE = 1000;
const MAX_PRECEDENCE = 10_000;
const DISTINGUISHERS = ['ByNamespace', 'ByUser'];
const DANGLING = 'Dangling';

const ALL = ['*'];
const EVERYTHING = {
  resourceRules: [{ verbs: ALL, apiGroups: ALL, resources: ALL, clusterScope: true, namespaces: ALL }],
  nonResourceRules: [{ verbs: ALL, nonResourceURLs: ALL }],
};
const groups = (...names: string[]) => names.map((name) => ({ kind: 'Group', group: { name } }));

/** Those that every cluster has, as they are. */
export const MANDATORY_FLOW_SCHEMAS: { readonly [name: string]: FlowSchemaSpec } = {
  exempt: {
    priorityLevelConfiguration: { name: 'exempt' },
    matchingPrecedence: 1,
    rules: [{ subjects: groups('system:masters'), ...EVERYTHING }],
  },
  'catch-all': {
    priorityLevelConfiguration: { name: 'catch-all' },
    matchingPrecedence: MAX_PRECEDENCE,
    distinguisherMethod: { type: 'ByUser' },
    rules: [{ subjects: groups('system:unauthenticated', 'system:authenticated'), ...EVERYTHING }],
  },
};

const columns: readonly Column<FlowSchema>[] = [
  nameColumn,
  column('PriorityLevel', 'string', 'The level that its requests are of', ({ spec }) => spec.priorityLevelConfiguration.name),
  column('MatchingPrecedence', 'string', 'Of several that fit a request the lowest counts', ({ spec }) => spec.matchingPrecedence),
  column('DistinguisherMethod', 'string', 'What makes a flow of its own', ({ spec }) => spec.distinguisherMethod?.type ?? NONE),
  ageColumn,
  column('MissingPL', 'string', 'Whether that level is missing', ({ status }) => {
    return status.conditions?.find(({ type }) => type === DANGLING)?.status ?? '?';
  }),
];

export const flowSchemas = defineKind<FlowSchema>({
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  kind: 'FlowSchema',
  plural: 'flowschemas',
  namespaced: false,
  schema: 'flowcontrol.v1.FlowSchema',
  columns,
  defaults({ spec }) {
    spec.matchingPrecedence ||= PRECEDENCE;
  },
  validate: ({ metadata, spec }) => validateSpec('spec', metadata.name, spec),
  validateStatus: ({ status }) => validateConditions('status.conditions', status.conditions),
  prepareForCreate(schema) {
    schema.status = {};
  },
  statusKeeps: CLIENT_META,
  subresources: { status: true },
});

function validateSpec(at: string, name: string, spec: FlowSchemaSpec): FieldError[] {
  const { matchingPrecedence: precedence, distinguisherMethod: method, priorityLevelConfiguration: level, rules = [] } = spec;
  const errors: FieldError[] = [];
  const refuse = (why: string) => errors.push(invalid(`${at}.matchingPrecedence`, precedence, why));
  if (precedence <= 0) refuse('must be a positive value');
  if (precedence > MAX_PRECEDENCE) refuse(`must not be greater than ${MAX_PRECEDENCE}`);
  if (precedence === 1 && name !== 'exempt') refuse("only the schema named 'exempt' may have matchingPrecedence 1");
  if (method && !DISTINGUISHERS.includes(method.type)) {
    errors.push(notSupported(`${at}.distinguisherMethod.type`, method as never, DISTINGUISHERS));
  }
  const field = `${at}.priorityLevelConfiguration.name`;
  if (level.name) errors.push(...invalids(field, level.name, isDns1123Subdomain(level.name)));
  else errors.push(required(field, 'must reference a priority level'));
  errors.push(...validateRules(`${at}.rules`, rules));
  const mandatory = MANDATORY_FLOW_SCHEMAS[name];
  if (mandatory && !sameJson(spec, mandatory)) errors.push(invalid(at, spec as never, `spec of '${name}' must equal the fixed value`));
  return errors;
}
