// Events of events.k8s.io: the core group's by other names, and what is asked of them.
import { describe, expect, it } from 'vitest';
import { events } from '../../../src/kinds/core/event.js';
import { eventsV1 } from '../../../src/kinds/events/event.js';
import { ago, created, errorsOf, headingsOf, rowOf, updateErrorsOf } from './objects.js';

const event = (more: object = {}) => ({
  metadata: { name: 'e' },
  eventTime: '2026-01-01T11:59:00.000000Z',
  reportingController: 'example.com/c',
  reportingInstance: 'c-1',
  action: 'Binding',
  reason: 'Scheduled',
  type: 'Normal',
  note: 'assigned',
  regarding: { kind: 'Pod', namespace: 'default', name: 'web' },
  ...more,
});

describe('an Event of events.k8s.io', () => {
  it('is a core event, and back', () => {
    const object = created(eventsV1, event({ series: { count: 3, lastObservedTime: '2026-01-01T11:59:30.000000Z' } }));
    const stored = eventsV1.storage?.toStorage(object);
    expect(stored).toMatchObject({
      apiVersion: 'v1',
      kind: 'Event',
      involvedObject: { kind: 'Pod', name: 'web' },
      reportingComponent: 'example.com/c',
      message: 'assigned',
    });
    expect(eventsV1.storage?.fromStorage(stored!)).toEqual(object);
    const old = created(events, {
      involvedObject: { kind: 'Pod', name: 'web', namespace: 'default' },
      count: 2,
      source: { component: 'kubelet' },
      firstTimestamp: ago(60),
    });
    const view = eventsV1.storage?.fromStorage(old);
    expect(view).toMatchObject({ deprecatedCount: 2, deprecatedSource: { component: 'kubelet' }, deprecatedFirstTimestamp: ago(60) });
    expect(eventsV1.storage?.toStorage(view!)).toEqual(old);
  });

  it.each([
    [{}, []],
    [{ eventTime: undefined }, ['eventTime: Required value']],
    [
      { reportingController: '', action: '', note: 'n'.repeat(1025) },
      ['reportingController: Required value', 'action: Required value', 'note: Invalid value: "": can have at most 1024 characters'],
    ],
    [
      { type: 'Odd', deprecatedCount: 2 },
      ['type: Invalid value: "": has invalid value: Odd', 'count: Invalid value: "": needs to be unset'],
    ],
    [{ series: { count: 1, lastObservedTime: '2026-01-01T11:59:30Z' } }, ['series.count: Invalid value: "": should be at least 2']],
  ])('with %j gets the errors %j', (more, errors) => {
    expect(errorsOf(eventsV1, event(more))).toEqual(errors);
  });

  it('only goes on', () => {
    expect(updateErrorsOf(eventsV1, event(), event({ series: { count: 2, lastObservedTime: '2026-01-01T12:00:00.000000Z' } }))).toEqual([]);
    expect(updateErrorsOf(eventsV1, event(), event({ note: 'other' }))).toEqual(['note: Invalid value: "other": field is immutable']);
  });

  it('is a row as a core event is', () => {
    expect(headingsOf(eventsV1)).toEqual(['LAST SEEN', 'TYPE', 'REASON', 'OBJECT', 'MESSAGE']);
    expect(rowOf(eventsV1, created(eventsV1, event()))).toEqual(['60s', 'Normal', 'Scheduled', 'pod/web', 'assigned']);
  });

  it('can be selected by what it is about', () => {
    const select = eventsV1.selectableFields!;
    expect(Object.entries(select).map(([field, read]) => [field, read(created(eventsV1, event()))])).toContainEqual([
      'regarding.name',
      'web',
    ]);
  });
});
