// StoredObject: one revision of an object, parsed and encoded at most once each and shared by everyone who needs it.
import { encodeMessage } from '../../apimachinery/codec/protobuf-encode.js';
import type { JsonObject } from '../../apimachinery/json.js';
import type { KubeObject } from '../../apimachinery/object.js';
import type { ObjectSchema } from '../../apimachinery/schema.js';

interface Written {
  readonly object: KubeObject;
  stored?: StoredObject;
}

/**
 * How objects of one kind are kept in etcd: JSON that starts with `{"kind":…,"apiVersion":…,"metadata":{`, without a
 * resourceVersion, since that is the revision of the write. So the encoded form is a splice, never a second stringify.
 */
export class ObjectCodec {
  readonly #prefix: Buffer;
  /** Objects by the very bytes that we wrote, so that an embedded store's echo of a write is not parsed again. */
  readonly #written = new WeakMap<Uint8Array, Written>();

  /** `kind` is what stored objects say of themselves. */
  constructor(kind: { readonly apiVersion: string; readonly kind: string }) {
    this.#prefix = Buffer.from(`{"kind":${JSON.stringify(kind.kind)},"apiVersion":${JSON.stringify(kind.apiVersion)},"metadata":{`);
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
    if (!written) return new StoredObject(this, value, revision, undefined);
    if (written.stored?.revision !== revision) {
      written.stored = new StoredObject(this, value, revision, withRevision(written.object, revision));
    }
    return written.stored;
  }

  /** The object in `value` as it was written, for a conversion to work on. */
  parse(value: Uint8Array): KubeObject {
    return JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString()) as KubeObject;
  }

  /** What a conversion made of the object in `value`; undefined if it is not `value`'s own object. */
  converted(object: KubeObject, revision: number, value: Uint8Array | undefined): StoredObject {
    return new StoredObject(this, value, revision, withRevision(object, revision));
  }

  /** Whether `value` is of the version in which objects are kept now. */
  isCurrent(value: Uint8Array): boolean {
    const head = this.#prefix;
    return value.length >= head.length && head.compare(value, 0, head.length) === 0;
  }

  /** An object that is on its way to the store: what its revision will be is not known, and no client has seen it yet. */
  pending(object: KubeObject): StoredObject {
    return new StoredObject(this, undefined, 0, withRevision(object, 0));
  }

  /** JSON with the resourceVersion in its place. */
  splice(value: Uint8Array, revision: number): Buffer {
    const head = this.#prefix;
    if (!this.isCurrent(value)) return inOrder(withRevision(this.parse(value), revision));
    return Buffer.concat([head, Buffer.from(`"resourceVersion":"${revision}",`), value.subarray(head.length)]);
  }
}

/** Read-only: the parsed form is shared with caches and in-process clients. */
export class StoredObject {
  #value: Uint8Array | undefined;
  #bytes: Buffer | undefined;
  #object: KubeObject | undefined;
  #message: Buffer | undefined;

  /** At least one of `value` and `object` is there. */
  constructor(
    private readonly codec: ObjectCodec,
    value: Uint8Array | undefined,
    readonly revision: number,
    object: KubeObject | undefined,
  ) {
    this.#value = value;
    this.#object = object;
  }

  get object(): KubeObject {
    this.#object ??= this.#bytes ? this.codec.parse(this.#bytes) : withRevision(this.codec.parse(this.#value!), this.revision);
    return this.#object;
  }

  /** The object's JSON. */
  get bytes(): Buffer {
    if (!this.#bytes) {
      this.#bytes = this.#value ? this.codec.splice(this.#value, this.revision) : inOrder(this.#object!);
      this.#value = undefined;
    }
    return this.#bytes;
  }

  /** The object's protobuf message; `schema` is the object's own, at every call. */
  message(schema: ObjectSchema): Buffer {
    this.#message ??= encodeMessage(schema, this.object as unknown as JsonObject);
    return this.#message;
  }

  /** The same state as of a later revision: what a DELETED event carries. */
  at(revision: number): StoredObject {
    return new StoredObject(this.codec, undefined, revision, withRevision(this.object, revision));
  }
}

/** JSON whose first fields are those that every object has. */
function inOrder(object: KubeObject): Buffer {
  const { kind, apiVersion, metadata, ...rest } = object;
  return Buffer.from(JSON.stringify({ kind, apiVersion, metadata, ...rest }));
}

function withRevision(object: KubeObject, revision: number): KubeObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
}
