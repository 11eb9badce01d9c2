// Encoding: results and watch events as bytes, in the form that was negotiated.
import { createRequire } from 'node:module';
import type { KubeObject } from '../../apimachinery/object.js';
import type { StatusError } from '../../apimachinery/status.js';
import { partialObjectMetadata, tableOf } from '../../apimachinery/table.js';
import type { ListResult, ObjectResult } from '../exchange.js';
import type { Resource } from '../resources.js';
import type { EventView } from '../storage/cache-event.js';
import type { Form } from './negotiate.js';

export const JSON_TYPE = 'application/json';
const COMMA = Buffer.from(',');
const LIST_END = Buffer.from(']}\n');
const EVENT_END = Buffer.from('}\n');
/** Upstream's annotation on the bookmark that ends the initial events. */
const ANNOTATION_INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

export interface Encoded {
  readonly contentType: string;
  readonly bytes: Buffer;
}

export function encodeValue(value: object, form: Form): Encoded {
  if (form.type !== 'yaml') return { contentType: JSON_TYPE, bytes: Buffer.from(`${JSON.stringify(value)}\n`) };
  // Loaded at the first YAML answer: few clients ask for one, and it would cost every start.
  const { stringify } = createRequire(import.meta.url)('yaml') as typeof import('yaml');
  return { contentType: 'application/yaml', bytes: Buffer.from(stringify(value, { aliasDuplicateObjects: false })) };
}

export function encodeObject({ resource, object }: ObjectResult, form: Form, now_ms: number): Encoded {
  switch (form.type) {
    case 'json':
      return { contentType: JSON_TYPE, bytes: object.bytes };
    case 'yaml':
      return encodeValue(object.object, form);
    case 'metadata':
      return encodeValue(partialObjectMetadata(object.object), form);
    case 'table':
      return encodeValue(tableOfObjects(resource, [object.object], form, now_ms), form);
  }
}

/** JSON lists are joined from the objects' own bytes, never stringified. */
export function encodeList(list: ListResult, form: Form, now_ms: number): Encoded {
  const objects = () => list.objects.map(({ object }) => object);
  const { kind } = list.resource;
  switch (form.type) {
    case 'json':
      return { contentType: JSON_TYPE, bytes: joinList(list) };
    case 'yaml':
      return encodeValue({ kind: `${kind.kind}List`, apiVersion: kind.apiVersion, metadata: listMeta(list), items: objects() }, form);
    case 'metadata': {
      const items = objects().map(partialObjectMetadata);
      const head = { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', metadata: listMeta(list) };
      return encodeValue({ ...head, items }, form);
    }
    case 'table':
      return encodeValue({ ...tableOfObjects(list.resource, objects(), form, now_ms), metadata: listMeta(list) }, form);
  }
}

export function listMeta({ resourceVersion, continue: token, remainingItemCount }: ListResult) {
  return {
    resourceVersion: String(resourceVersion),
    ...(token === undefined ? {} : { continue: token }),
    ...(remainingItemCount === undefined ? {} : { remainingItemCount }),
  };
}

function joinList(list: ListResult): Buffer {
  const { kind } = list.resource;
  const head = JSON.stringify({ kind: `${kind.kind}List`, apiVersion: kind.apiVersion, metadata: listMeta(list) });
  const parts: Buffer[] = [Buffer.from(`${head.slice(0, -1)},"items":[`)];
  list.objects.forEach(({ bytes }, index) => {
    if (index > 0) parts.push(COMMA);
    parts.push(bytes);
  });
  parts.push(LIST_END);
  return Buffer.concat(parts);
}

function tableOfObjects(resource: Resource, objects: readonly KubeObject[], form: Form, now_ms: number, withoutColumns = false) {
  const resourceVersion = objects.length === 1 ? objects[0]!.metadata.resourceVersion : '';
  const includeObject = form.type === 'table' ? form.includeObject : 'Metadata';
  return tableOf(resource.kind, objects, { now_ms, resourceVersion, includeObject, withoutColumns });
}

/** Encodes the events of one watch. Frames are shared by all watches of the same form. */
export class EventEncoder {
  readonly #formKey: string;
  #first = true;

  constructor(
    private readonly resource: Resource,
    private readonly form: Form,
    private readonly now: () => number,
  ) {
    this.#formKey = form.type === 'table' ? `table/${form.includeObject}` : form.type;
  }

  event(view: EventView): Buffer {
    if (this.form.type !== 'table' || !this.#first) return view.frame(this.#formKey, () => this.#make(view, true));
    // Only the first event of a table watch carries the column definitions.
    this.#first = false;
    return this.#make(view, false);
  }

  bookmark(revision: number, initialEventsEnd: boolean): Buffer {
    const { kind, apiVersion } =
      this.form.type === 'metadata' ? { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1' } : this.resource.kind;
    const annotations = initialEventsEnd ? { annotations: { [ANNOTATION_INITIAL_EVENTS_END]: 'true' } } : {};
    const metadata = { resourceVersion: String(revision), creationTimestamp: null, ...annotations };
    const bookmark = { kind, apiVersion, metadata };
    const object = this.form.type === 'table' ? this.#bookmarkTable(bookmark) : bookmark;
    return Buffer.from(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
  }

  error(error: StatusError): Buffer {
    return Buffer.from(`${JSON.stringify({ type: 'ERROR', object: error.toStatus() })}\n`);
  }

  #make(view: EventView, withoutColumns: boolean): Buffer {
    return Buffer.concat([Buffer.from(`{"type":"${view.type}","object":`), this.#object(view, withoutColumns), EVENT_END]);
  }

  #object(view: EventView, withoutColumns: boolean): Buffer {
    const { object } = view;
    switch (this.form.type) {
      case 'table':
        return Buffer.from(JSON.stringify(tableOfObjects(this.resource, [object.object], this.form, this.now(), withoutColumns)));
      case 'metadata':
        return Buffer.from(JSON.stringify(partialObjectMetadata(object.object)));
      default:
        return object.bytes;
    }
  }

  /** A table with one row that has no cells, only the object that carries the resourceVersion. */
  #bookmarkTable(object: object): object {
    const { metadata, ...table } = tableOfObjects(this.resource, [], this.form, this.now(), true);
    return { ...table, metadata: { ...metadata, resourceVersion: '' }, rows: [{ cells: [], object }] };
  }
}
