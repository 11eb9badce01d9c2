// The kind Event of v1.
import { type FieldError, invalid, required } from '../../apimachinery/field.js';
import { isQualifiedName } from '../../apimachinery/names.js';
import { ageOf } from '../../apimachinery/table.js';
import { invalids } from '../checks.js';
import { nameColumn } from '../columns.js';
import { type Column, defineKind } from '../define.js';
import type { Event } from '../types/core_v1.js';
import { NAMESPACE_DEFAULT, NAMESPACE_SYSTEM } from '../wellknown.js';

const MAX_FIELD_chars = 128;
const MAX_MESSAGE_chars = 1024;

const firstSeen = ({ firstTimestamp, eventTime }: Event) => firstTimestamp ?? eventTime;
const lastSeen = (event: Event) => event.series?.lastObservedTime ?? event.lastTimestamp ?? firstSeen(event);

/** An object as `kind/name`. */
function target({ involvedObject: { kind = '', name } }: Event): string {
  return name ? `${kind.toLowerCase()}/${name}` : kind.toLowerCase();
}

function source({ source, reportingComponent, reportingInstance }: Event): string {
  const component = source?.component || reportingComponent || '';
  const host = source?.host || reportingInstance;
  return host ? `${component}, ${host}` : component;
}

export const eventColumns: readonly Column<Event>[] = [
  {
    name: 'Last Seen',
    type: 'string',
    description: 'How long ago it last happened',
    cell: (event, now_ms) => ageOf(lastSeen(event), now_ms),
  },
  { name: 'Type', type: 'string', description: 'Normal or Warning', cell: ({ type }) => type ?? '' },
  { name: 'Reason', type: 'string', description: 'Why, in one word', cell: ({ reason }) => reason ?? '' },
  { name: 'Object', type: 'string', description: 'What it happened to', cell: target },
  {
    name: 'Subobject',
    type: 'string',
    priority: 1,
    description: 'Which part of the object',
    cell: ({ involvedObject }) => involvedObject.fieldPath ?? '',
  },
  { name: 'Source', type: 'string', priority: 1, description: 'Who reports it', cell: source },
  { name: 'Message', type: 'string', description: 'What happened', cell: ({ message }) => (message ?? '').trim() },
  {
    name: 'First Seen',
    type: 'string',
    priority: 1,
    description: 'How long ago it first happened',
    cell: (event, now_ms) => ageOf(firstSeen(event), now_ms),
  },
  {
    name: 'Count',
    type: 'string',
    priority: 1,
    description: 'How often it happened',
    // One that is reported without a count happened this once.
    cell: ({ series, count }) => String(series?.count ?? (count || 1)),
  },
  { ...nameColumn, priority: 1 },
];

/** For field selectors. */
export const eventFields = {
  'involvedObject.kind': ({ involvedObject }: Event) => involvedObject.kind ?? '',
  'involvedObject.namespace': ({ involvedObject }: Event) => involvedObject.namespace ?? '',
  'involvedObject.name': ({ involvedObject }: Event) => involvedObject.name ?? '',
  'involvedObject.uid': ({ involvedObject }: Event) => involvedObject.uid ?? '',
  'involvedObject.apiVersion': ({ involvedObject }: Event) => involvedObject.apiVersion ?? '',
  'involvedObject.resourceVersion': ({ involvedObject }: Event) => involvedObject.resourceVersion ?? '',
  'involvedObject.fieldPath': ({ involvedObject }: Event) => involvedObject.fieldPath ?? '',
  reason: ({ reason }: Event) => reason ?? '',
  reportingComponent: ({ reportingComponent }: Event) => reportingComponent ?? '',
  source: ({ source, reportingComponent }: Event) => source?.component || reportingComponent || '',
  type: ({ type }: Event) => type ?? '',
} satisfies { [path: string]: (event: Event) => string };

export const events = defineKind<Event>({
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  namespaced: true,
  schema: 'core.v1.Event',
  allowCreateOnUpdate: true,
  columns: eventColumns,
  validate: (event) => validateEvent(event, 'reportingComponent', 'message'),
  selectableFields: eventFields,
});

/** Its fields by the names of the group that it is written in. */
export function validateEvent(event: Event, reporter: string, message: string): FieldError[] {
  return [...validateNamespace(event), ...(event.eventTime ? validateReport(event, reporter, message) : [])];
}

/** An event lives beside what it is about; those about cluster-scoped objects in `default` (or kube-system). */
function validateNamespace({ metadata, involvedObject, eventTime }: Event): FieldError[] {
  const { namespace = '' } = involvedObject;
  const homes = eventTime ? ['', NAMESPACE_DEFAULT, NAMESPACE_SYSTEM] : ['', NAMESPACE_DEFAULT];
  const fits = namespace ? namespace === metadata.namespace : homes.includes(metadata.namespace ?? '');
  return fits ? [] : [invalid('involvedObject.namespace', namespace, 'does not match event.namespace')];
}

/** Events in the newer form, which eventTime marks, say who reports them and what was done. */
function validateReport(event: Event, reporterField: string, messageField: string): FieldError[] {
  const { reportingComponent, reportingInstance, action, reason, message = '' } = event;
  const errors: FieldError[] = [];
  if (!reportingComponent) errors.push(required(reporterField));
  else errors.push(...invalids(reporterField, reportingComponent, isQualifiedName(reportingComponent)));
  for (const [field, value] of Object.entries({ reportingInstance, action, reason })) {
    if (!value) errors.push(required(field));
    else if (value.length > MAX_FIELD_chars) errors.push(invalid(field, '', `can have at most ${MAX_FIELD_chars} characters`));
  }
  if (message.length > MAX_MESSAGE_chars) errors.push(invalid(messageField, '', `can have at most ${MAX_MESSAGE_chars} characters`));
  return errors;
}
