// The kind PriorityLevelConfiguration of flowcontrol.apiserver.k8s.io/v1.
import { type FieldError, forbidden, invalid, notSupported, required } from '../../apimachinery/field.js';
import { sameJson } from '../checks.js';
import { column, NONE } from '../columns.js';
import { CLIENT_META, defineKind } from '../define.js';
import type {
  LimitedPriorityLevelConfiguration,
  LimitResponse,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
  QueuingConfiguration,
} from '../types/flowcontrol_v1.js';
import { validateConditions } from './checks.js';

const SHARES = 30;
const QUEUES = 64;
const HAND_SIZE = 8;
const QUEUE_LENGTH = 50;
const MAX_QUEUES = 10_000_000;
/** A hand of queues is dealt from the bits of one hash. */
const MAX_HASH_bits = 60;

/** Those that every cluster has, as they are but for how their share is divided. */
export const MANDATORY_PRIORITY_LEVELS: { readonly [name: string]: PriorityLevelConfigurationSpec } = {
  exempt: { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } },
  'catch-all': { type: 'Limited', limited: { nominalConcurrencyShares: 5, lendablePercent: 0, limitResponse: { type: 'Reject' } } },
};

const queuing = (part: keyof QueuingConfiguration) => (object: PriorityLevelConfiguration) =>
  object.spec.limited?.limitResponse.queuing?.[part] ?? NONE;

export const priorityLevelConfigurations = defineKind<PriorityLevelConfiguration>({
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  kind: 'PriorityLevelConfiguration',
  plural: 'prioritylevelconfigurations',
  namespaced: false,
  schema: 'flowcontrol.v1.PriorityLevelConfiguration',
  columns: [
    column('Type', 'string', 'Whether its requests are limited', ({ spec }) => spec.type),
    column('NominalConcurrencyShares', 'string', 'Its share of what the server does at once', ({ spec }) => {
      return (spec.limited ?? spec.exempt)?.nominalConcurrencyShares ?? NONE;
    }),
    column('Queues', 'string', 'How many queues it has', queuing('queues')),
    column('HandSize', 'string', 'How many of them a flow is spread over', queuing('handSize')),
    column('QueueLengthLimit', 'string', 'How many requests wait in one', queuing('queueLengthLimit')),
  ],
  defaults({ spec: { exempt, limited } }) {
    if (exempt) {
      exempt.nominalConcurrencyShares ??= 0;
      exempt.lendablePercent ??= 0;
    }
    if (!limited) return;
    limited.nominalConcurrencyShares ??= SHARES;
    limited.lendablePercent ??= 0;
    const { queuing } = limited.limitResponse;
    if (!queuing) return;
    queuing.queues ||= QUEUES;
    queuing.handSize ||= HAND_SIZE;
    queuing.queueLengthLimit ||= QUEUE_LENGTH;
  },
  validate: ({ metadata, spec }) => validateSpec('spec', metadata.name, spec),
  validateStatus: ({ status }) => validateConditions('status.conditions', status.conditions),
  prepareForCreate(level) {
    level.status = {};
  },
  statusKeeps: CLIENT_META,
  subresources: { status: true },
});

function validateSpec(at: string, name: string, spec: PriorityLevelConfigurationSpec): FieldError[] {
  const { type, limited, exempt } = spec;
  const errors: FieldError[] = [];
  if ((name === 'exempt') !== (type === 'Exempt')) {
    errors.push(invalid(`${at}.type`, type, "type must be 'Exempt' if and only if name is 'exempt'"));
  }
  if (type === 'Exempt') {
    if (limited) errors.push(forbidden(`${at}.limited`, 'must be nil if the type is not Limited'));
    if (exempt) errors.push(...validateShares(`${at}.exempt`, exempt));
  } else if (type === 'Limited') {
    if (exempt) errors.push(forbidden(`${at}.exempt`, 'must be nil if the type is Limited'));
    if (limited) errors.push(...validateLimited(`${at}.limited`, limited));
    else errors.push(required(`${at}.limited`, 'must not be empty when type is Limited'));
  } else errors.push(notSupported(`${at}.type`, type, ['Exempt', 'Limited']));
  return [...errors, ...validateMandatory(at, name, spec)];
}

/** How much an exempt level gets is for the cluster to say. */
function validateMandatory(at: string, name: string, spec: PriorityLevelConfigurationSpec): FieldError[] {
  const mandatory = MANDATORY_PRIORITY_LEVELS[name];
  if (!mandatory || sameJson({ ...spec, exempt: undefined }, { ...mandatory, exempt: undefined })) return [];
  return [invalid(at, spec as never, `spec of '${name}' must equal the fixed value`)];
}

interface Shares {
  readonly nominalConcurrencyShares?: number;
  readonly lendablePercent?: number;
}

function validateShares(at: string, { nominalConcurrencyShares: shares = 0, lendablePercent: lendable = 0 }: Shares): FieldError[] {
  return [
    ...(shares < 0 ? [invalid(`${at}.nominalConcurrencyShares`, shares, 'must be a non-negative integer')] : []),
    ...(lendable < 0 || lendable > 100 ? [invalid(`${at}.lendablePercent`, lendable, 'must be between 0 and 100, inclusive')] : []),
  ];
}

function validateLimited(at: string, limited: LimitedPriorityLevelConfiguration): FieldError[] {
  const { borrowingLimitPercent: borrowed, limitResponse } = limited;
  const errors = validateShares(at, limited);
  if (borrowed !== undefined && borrowed < 0) {
    errors.push(invalid(`${at}.borrowingLimitPercent`, borrowed, 'if specified, must be a non-negative integer'));
  }
  return [...errors, ...validateResponse(`${at}.limitResponse`, limitResponse)];
}

function validateResponse(at: string, { type, queuing }: LimitResponse): FieldError[] {
  if (type === 'Reject') {
    return queuing ? [forbidden(`${at}.queuing`, 'must be nil if limited.limitResponse.type is not Limited')] : [];
  }
  if (type !== 'Queue') return [notSupported(`${at}.type`, type, ['Queue', 'Reject'])];
  if (!queuing) return [required(`${at}.queuing`, 'must not be empty if limited.limitResponse.type is Limited')];
  return validateQueuing(`${at}.queuing`, queuing);
}

function validateQueuing(at: string, { queues, handSize, queueLengthLimit }: QueuingConfiguration): FieldError[] {
  const errors: FieldError[] = [];
  const refuse = (part: keyof QueuingConfiguration, value: number, why: string) => errors.push(invalid(`${at}.${part}`, value, why));
  if (queueLengthLimit <= 0) refuse('queueLengthLimit', queueLengthLimit, 'must be positive');
  if (queues <= 0) refuse('queues', queues, 'must be positive');
  else if (queues > MAX_QUEUES) refuse('queues', queues, `must not be greater than ${MAX_QUEUES}`);
  const entropy_bits = Math.ceil(Math.log2(queues) * handSize);
  if (handSize <= 0) refuse('handSize', handSize, 'must be positive');
  else if (handSize > queues) refuse('handSize', handSize, `should not be greater than queues (${queues})`);
  else if (entropy_bits > MAX_HASH_bits) {
    const what = `required entropy bits of deckSize ${queues} and handSize ${handSize}`;
    refuse('handSize', handSize, `${what} should not be greater than ${MAX_HASH_bits}`);
  }
  return errors;
}
