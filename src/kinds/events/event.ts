// The kind Event of events.k8s.io/v1: a view of the core group's, by the newer names, and with more asked of who reports.
import { type FieldError, invalid, required } from '../../apimachinery/field.js';
import { checkImmutable } from '../checks.js';
import { eventColumns, eventFields, events, validateEvent } from '../core/event.js';
import { defineKind } from '../define.js';
import type { Event as CoreEvent } from '../types/core_v1.js';
import type { Event } from '../types/events_v1.js';

const TYPES = ['Normal', 'Warning'];
/** A series is of more than one. */
const MIN_SERIES = 2;
const FIXED = [
  'eventTime',
  'reportingController',
  'reportingInstance',
  'action',
  'reason',
  'regarding',
  'related',
  'note',
  'type',
] as const satisfies readonly (keyof Event)[];

export const eventsV1 = defineKind<Event>({
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  namespaced: true,
  schema: 'events.v1.Event',
  allowCreateOnUpdate: true,
  columns: eventColumns.map((column) => ({ ...column, cell: (event: Event, now_ms: number) => column.cell(toCore(event), now_ms) })),
  validate: (event, old) =>
    old
      ? [...FIXED.flatMap((part) => checkImmutable(part, event[part], old[part])), ...validateSeries(event)]
      : [...validateEvent(toCore(event), 'reportingController', 'note'), ...validateNew(event)],
  selectableFields: {
    'regarding.kind': ({ regarding }) => regarding.kind ?? '',
    'regarding.namespace': ({ regarding }) => regarding.namespace ?? '',
    'regarding.name': ({ regarding }) => regarding.name ?? '',
    'regarding.uid': ({ regarding }) => regarding.uid ?? '',
    'regarding.apiVersion': ({ regarding }) => regarding.apiVersion ?? '',
    'regarding.resourceVersion': ({ regarding }) => regarding.resourceVersion ?? '',
    'regarding.fieldPath': ({ regarding }) => regarding.fieldPath ?? '',
    reason: ({ reason }) => reason ?? '',
    reportingController: ({ reportingController }) => reportingController ?? '',
    source: (event) => eventFields.source(toCore(event)),
    type: ({ type }) => type ?? '',
  },
  storage: { kind: events, toStorage: (event) => toCore(event), fromStorage: (stored) => fromCore(stored as CoreEvent) },
});

function toCore(event: Event): CoreEvent {
  const {
    regarding,
    note,
    reportingController,
    deprecatedSource,
    deprecatedFirstTimestamp,
    deprecatedLastTimestamp,
    deprecatedCount,
    ...same
  } = event;
  return defined({
    ...same,
    apiVersion: 'v1',
    involvedObject: regarding,
    message: note,
    reportingComponent: reportingController,
    source: deprecatedSource,
    firstTimestamp: deprecatedFirstTimestamp,
    lastTimestamp: deprecatedLastTimestamp,
    count: deprecatedCount,
  }) as unknown as CoreEvent;
}

function fromCore(event: CoreEvent): Event {
  const { involvedObject, message, reportingComponent, source, firstTimestamp, lastTimestamp, count, ...same } = event;
  return defined({
    ...same,
    apiVersion: 'events.k8s.io/v1',
    regarding: involvedObject,
    note: message,
    reportingController: reportingComponent,
    deprecatedSource: source,
    deprecatedFirstTimestamp: firstTimestamp,
    deprecatedLastTimestamp: lastTimestamp,
    deprecatedCount: count,
  }) as unknown as Event;
}

const defined = (object: object): object => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));

function validateNew(event: Event): FieldError[] {
  const { eventTime, type = '', deprecatedSource: source } = event;
  const errors = validateSeries(event);
  if (!eventTime) errors.push(required('eventTime'));
  if (!TYPES.includes(type)) errors.push(invalid('type', '', `has invalid value: ${type}`));
  const unset = {
    firstTimestamp: event.deprecatedFirstTimestamp,
    lastTimestamp: event.deprecatedLastTimestamp,
    count: event.deprecatedCount,
  };
  for (const [field, value] of Object.entries({ ...unset, source: source?.component || source?.host })) {
    if (value) errors.push(invalid(field, '', 'needs to be unset'));
  }
  return errors;
}

function validateSeries({ series }: Event): FieldError[] {
  if (!series) return [];
  return [
    ...(series.count < MIN_SERIES ? [invalid('series.count', '', 'should be at least 2')] : []),
    ...(series.lastObservedTime ? [] : [required('series.lastObservedTime')]),
  ];
}
