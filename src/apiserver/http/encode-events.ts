// EventEncoder: the events of one watch as frames, in JSON lines or length-delimited protobuf.
import { MEDIA_JSON, MEDIA_PROTOBUF } from '../../apimachinery/codec/index.js';
import { watchFrame } from '../../apimachinery/codec/protobuf-encode.js';
import type { StatusError } from '../../apimachinery/status.js';
import type { Resource } from '../resources.js';
import type { EventView } from '../storage/cache-event.js';
import { objectBytes, PARTIAL_SCHEMA, STATUS_SCHEMA, tableOfObjects, valueBytes } from './encode.js';
import type { Form } from './negotiate.js';

/** Upstream's annotation on the bookmark that ends the initial events. */
const ANNOTATION_INITIAL_EVENTS_END = 'k8s.io/initial-events-end';
const LINE_END = Buffer.from('}\n');

/** Frames are shared by all watches of the same form. */
export class EventEncoder {
  readonly contentType: string;
  readonly #form: Form;
  readonly #formKey: string;
  #first = true;

  constructor(
    private readonly resource: Resource,
    form: Form,
    private readonly now: () => number,
  ) {
    // A frame is a line, whatever the client finds pretty.
    this.#form = { ...form, pretty: false };
    const { media, as, metaVersion, includeObject } = form;
    this.#formKey = as === 'object' ? media : `${media}/${as}/${metaVersion}/${includeObject}`;
    this.contentType = media === 'protobuf' ? `${MEDIA_PROTOBUF};stream=watch` : MEDIA_JSON;
  }

  event(view: EventView): Buffer {
    if (this.#form.as !== 'table' || !this.#first) return view.frame(this.#formKey, () => this.#make(view, true));
    // Only the first event of a table watch carries the column definitions.
    this.#first = false;
    return this.#make(view, false);
  }

  bookmark(revision: number, initialEventsEnd: boolean): Buffer {
    const { as, metaVersion } = this.#form;
    const partial = { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${metaVersion}` };
    const { kind, apiVersion } = as === 'metadata' ? partial : this.resource.kind;
    const annotations = initialEventsEnd ? { annotations: { [ANNOTATION_INITIAL_EVENTS_END]: 'true' } } : {};
    const metadata = { resourceVersion: String(revision), creationTimestamp: null, ...annotations };
    const bookmark = { kind, apiVersion, metadata };
    const object = as === 'table' ? this.#bookmarkTable(bookmark) : bookmark;
    return this.#frame('BOOKMARK', valueBytes(object, this.#form, as === 'metadata' ? PARTIAL_SCHEMA : this.resource.schema));
  }

  error(error: StatusError): Buffer {
    return this.#frame('ERROR', valueBytes(error.toStatus(), this.#form, STATUS_SCHEMA));
  }

  #make(view: EventView, withoutColumns: boolean): Buffer {
    // As upstream, an event is never a list: who asks for one gets whole objects.
    const form: Form = this.#form.as === 'metadataList' ? { ...this.#form, as: 'object' } : this.#form;
    return this.#frame(view.type, objectBytes(this.resource, view.object, form, this.now(), withoutColumns));
  }

  #frame(type: string, object: Buffer): Buffer {
    if (this.#form.media === 'protobuf') return watchFrame(type, object);
    return Buffer.concat([Buffer.from(`{"type":"${type}","object":`), object, LINE_END]);
  }

  /** A table with one row that has no cells, only the object that carries the resourceVersion. */
  #bookmarkTable(object: object): object {
    const { metadata, ...table } = tableOfObjects(this.resource, [], this.#form, this.now(), true);
    return { ...table, metadata: { ...metadata, resourceVersion: '' }, rows: [{ cells: [], object }] };
  }
}
