// The engine's event stream, one JSON object a line, as the contract's events.
import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { dial } from './docker-dial.js';
import { toRuntimeError } from './docker-errors.js';
import { LABEL_POD_UID, LABEL_TYPE } from './docker-names.js';
import type { RuntimeEvent } from './runtime.js';

/** More without a line end is no event of Docker's, whose labels are our own. */
const LINE_MAX_BYTES = 1 << 20;

const TYPES: { readonly [action: string]: RuntimeEvent['type'] } = { start: 'started', die: 'died', oom: 'oom', destroy: 'removed' };

interface EngineEvent {
  readonly Action?: string;
  readonly Actor?: { readonly ID?: string; readonly Attributes?: { readonly [key: string]: string } };
}

export function eventFrom(line: string): RuntimeEvent | undefined {
  const event = JSON.parse(line) as EngineEvent;
  const type = TYPES[event.Action ?? ''];
  const podUid = event.Actor?.Attributes?.[LABEL_POD_UID];
  return type && podUid && event.Actor?.ID ? { type, podUid, containerId: event.Actor.ID } : undefined;
}

export async function* dockerEvents(docker: Docker, signal: AbortSignal, opened?: () => void): AsyncIterable<RuntimeEvent> {
  const filters = { type: ['container'], event: Object.keys(TYPES), label: [LABEL_TYPE] };
  const options = { filters: JSON.stringify(filters) };
  const stream = await dial<Readable>(docker, { path: '/events?', method: 'GET', isStream: true, options, abortSignal: signal });
  opened?.();
  let rest = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LINE_MAX_BYTES) throw toRuntimeError(new Error('an event without end'));
    for (const line of lines) {
      const event = line.trim() ? eventFrom(line) : undefined;
      if (event) yield event;
    }
  }
}
