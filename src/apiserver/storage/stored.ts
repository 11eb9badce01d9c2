// ObjectCodec and StoredObject: one revision of an object as the bytes that are stored, and what is made of them when somebody asks. What is
// parsed is shared by everyone who needs it, for as long as somebody does.
import { encodeMessage } from '../../apimachinery/codec/protobuf-encode.js';
import type { JsonObject } from '../../apimachinery/json.js';
import type { KubeObject } from '../../apimachinery/object.js';
import type { ObjectSchema } from '../../apimachinery/schema.js';
import { RecentObjects } from './recent-objects.js';

/** Of all kinds together. */
const recent = new RecentObjects();
const NEWLINE = Buffer.from('\n');

const [VERSION_BEGIN, VERSION_END] = ['"resourceVersion":"', '",'];
/** Bytes that are part of something so much larger are copied, or all of that would stay with them. */
const MAX_SHARE = 2;

/** What selectors ask about. */
export interface Selectable {
  readonly labels: { readonly [key: string]: string } | undefined;
  readonly fields: { readonly [path: string]: string };
}

interface FieldReaders {
  readonly [path: string]: (object: never) => string;
}

/**
 * How objects of one kind are kept in etcd: JSON that starts with `{"kind":…,"apiVersion":…,"metadata":{`, without a
 * resourceVersion, since that is the revision of the write. So the encoded form is a splice, never a second stringify.
 */
export class ObjectCodec {
  readonly #head: Buffer;
  readonly #readers: readonly (readonly [path: string, read: (object: KubeObject) => string])[];
  /** By the very bytes that we wrote: an embedded store's echo of a write is not parsed again. */
  readonly #written = new WeakMap<Uint8Array, { readonly object: KubeObject; stored?: StoredObject }>();

  /** `kind` is what stored objects say of themselves; `fields` are those that can be selected by beside name and namespace. */
  constructor(kind: { readonly apiVersion: string; readonly kind: string }, fields: FieldReaders = {}) {
    this.#head = Buffer.from(`{"kind":${JSON.stringify(kind.kind)},"apiVersion":${JSON.stringify(kind.apiVersion)},"metadata":{`);
    this.#readers = Object.entries({ ...METADATA_FIELDS, ...fields }) as [string, (object: KubeObject) => string][];
  }

  /** The value to store. `object` must not change any more. */
  encode(object: KubeObject): Uint8Array {
    const { resourceVersion: _, ...metadata } = object.metadata;
    const value = inOrder({ ...object, metadata } as KubeObject);
    this.#written.set(value, { object });
    return value;
  }

  /** The object that `value` holds as of `revision`, the one already made where there is one. */
  decode(value: Uint8Array, revision: number): StoredObject {
    const written = this.#written.get(value);
    if (!written) return this.#stored(value, revision, undefined);
    if (written.stored?.revision !== revision) written.stored = this.#stored(value, revision, withRevision(written.object, revision));
    return written.stored;
  }

  /** Of a value that is written: whoever is told of its write has been told. Its object need not be remembered any longer. */
  forget(value: Uint8Array): void {
    this.#written.delete(value);
  }

  /** The object in `value` as it was written, for a conversion to work on. */
  parse(value: Uint8Array): KubeObject {
    return parse(value);
  }

  /** What a conversion made of a value, `object` being without a resourceVersion; `value` is there if the object is what it holds. */
  converted(object: KubeObject, revision: number, value: Uint8Array | undefined): StoredObject {
    const known = withRevision(object, revision);
    return value ? this.#stored(value, revision, known) : new StoredObject(this, inOrder(known), 0, revision, known);
  }

  /** An object that is stored nowhere, and so has no resourceVersion. */
  unstored(object: KubeObject): StoredObject {
    return new StoredObject(this, inOrder(object), 0, 0, object);
  }

  /** Whether `value` is of the version in which objects are kept now. */
  isCurrent(value: Uint8Array): boolean {
    const head = this.#head;
    return value.length >= head.length && head.compare(value, 0, head.length) === 0;
  }

  selectable(object: KubeObject): Selectable {
    const fields: { [path: string]: string } = {};
    for (const [path, read] of this.#readers) fields[path] = read(object);
    return { labels: object.metadata.labels, fields };
  }

  /** Whoever else wrote the value may have put its fields in another order: then it is encoded anew. */
  #stored(value: Uint8Array, revision: number, object: KubeObject | undefined): StoredObject {
    if (this.isCurrent(value)) return new StoredObject(this, ownBytes(value), this.#head.length, revision, object);
    const known = object ?? versioned(parse(value), revision);
    return new StoredObject(this, inOrder(known), 0, revision, known);
  }
}

const METADATA_FIELDS = {
  'metadata.name': ({ metadata }: KubeObject) => metadata.name,
  'metadata.namespace': ({ metadata }: KubeObject) => metadata.namespace ?? '',
};

/** Read-only: what is parsed is shared with caches and in-process clients. */
export class StoredObject {
  /** Weak: informers keep what they show, and share it thus; what nobody keeps is parsed again. */
  #object: WeakRef<KubeObject> | undefined;
  #selectable: Selectable | undefined;
  #message: Buffer | undefined;

  constructor(
    private readonly codec: ObjectCodec,
    private readonly value: Buffer,
    /** Where in `value` the resourceVersion belongs; 0: it is there, if there is any. */
    private readonly versionAt: number,
    readonly revision: number,
    object?: KubeObject,
  ) {
    if (object) this.#keep(object);
  }

  get object(): KubeObject {
    return this.#object?.deref() ?? this.#keep(this.#parsed());
  }

  /** What selectors ask about: kept, so that it can be asked of all objects without parsing them. */
  get selectable(): Selectable {
    this.#selectable ??= this.codec.selectable(this.#object?.deref() ?? this.#parsed());
    return this.#selectable;
  }

  /** The object's JSON. */
  get bytes(): Buffer {
    const { value, versionAt } = this;
    if (versionAt === 0) return value;
    return Buffer.concat([value.subarray(0, versionAt), Buffer.from(this.#version()), value.subarray(versionAt)]);
  }

  /** `bytes` as a client gets them: with the line's end that Go's encoder writes. */
  get line(): Buffer {
    const { value, versionAt } = this;
    if (versionAt === 0) return Buffer.concat([value, NEWLINE]);
    return Buffer.concat([value.subarray(0, versionAt), Buffer.from(this.#version()), value.subarray(versionAt), NEWLINE]);
  }

  /** Of `bytes`. */
  get length(): number {
    return this.value.length + (this.versionAt === 0 ? 0 : this.#version().length);
  }

  /** Copies `bytes` into `out`, without their opening brace, and without all of `lead` if they begin with it. Returns where they end. */
  copyTo(out: Buffer, at: number, lead: Buffer): number {
    const { value, versionAt } = this;
    const from = value.length >= lead.length && lead.compare(value, 0, lead.length) === 0 ? lead.length : 1;
    if (versionAt === 0) return at + value.copy(out, at, from);
    const version = at + value.copy(out, at, from, versionAt);
    const rest = version + out.write(this.#version(), version, 'latin1');
    return rest + value.copy(out, rest, versionAt);
  }

  /** The object's protobuf message; `schema` is the object's own, at every call. */
  message(schema: ObjectSchema): Buffer {
    this.#message ??= encodeMessage(schema, this.object as unknown as JsonObject);
    return this.#message;
  }

  /** The same state as of a later revision: what a DELETED event carries. */
  at(revision: number): StoredObject {
    if (this.versionAt === 0) return this.codec.converted(this.object, revision, undefined);
    const known = this.#object?.deref();
    return new StoredObject(this.codec, this.value, this.versionAt, revision, known && withRevision(known, revision));
  }

  /** Whether it was made of just these bytes, as they were stored at `revision`. */
  isOf(value: Uint8Array, revision: number): boolean {
    return this.revision === revision && this.versionAt > 0 && this.value.equals(value);
  }

  #version(): string {
    return VERSION_BEGIN + this.revision + VERSION_END;
  }

  #parsed(): KubeObject {
    const object = parse(this.value);
    return this.versionAt === 0 ? object : versioned(object, this.revision);
  }

  #keep(object: KubeObject): KubeObject {
    this.#object = new WeakRef(object);
    recent.keep(object, this.value.length);
    return object;
  }
}

function parse(value: Uint8Array): KubeObject {
  return JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString()) as KubeObject;
}

/** JSON whose first fields are those that every object has. Not from the pool of small buffers, of which each would hold on to others. */
function inOrder(object: KubeObject): Buffer {
  const { kind, apiVersion, metadata, ...rest } = object;
  const text = JSON.stringify({ kind, apiVersion, metadata, ...rest });
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  bytes.write(text);
  return bytes;
}

function ownBytes(value: Uint8Array): Buffer {
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (bytes.buffer.byteLength <= bytes.length * MAX_SHARE) return bytes;
  const own = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(own);
  return own;
}

function withRevision(object: KubeObject, revision: number): KubeObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
}

/** For an object that nobody else has yet. */
function versioned(object: KubeObject, revision: number): KubeObject {
  (object.metadata as { resourceVersion?: string }).resourceVersion = String(revision);
  return object;
}
