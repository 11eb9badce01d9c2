// What is in a manifest: objects of YAML documents or JSON, lists taken apart. And what its AddOn is called. Pure.
import { createHash } from 'node:crypto';
import { decodeYaml } from '../../apimachinery/codec/yaml.js';
import { isJsonObject, type JsonObject } from '../../apimachinery/json.js';
import { isDns1123Subdomain } from '../../apimachinery/names.js';
import type { ObjectRef } from './addon.js';

/** An object as it is to be applied. */
export interface ManifestObject extends JsonObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: JsonObject & { readonly name: string };
}

/** Throws an error that says which document cannot be used, and why. */
export function parseManifest(text: string): readonly ManifestObject[] {
  // As upstream: a line that begins so parts documents, whatever follows on it.
  const documents = text.split(/^---.*$/m);
  return documents.flatMap((document, index) => {
    try {
      return objectsOf(decodeYaml(Buffer.from(document)));
    } catch (error) {
      throw new Error(documents.length > 1 ? `document ${index + 1}: ${(error as Error).message}` : (error as Error).message);
    }
  });
}

function objectsOf(value: unknown): readonly ManifestObject[] {
  if (value === null || value === undefined) return [];
  if (!isJsonObject(value as never)) throw new Error('it is not an object');
  const object = value as JsonObject;
  const { apiVersion, kind, metadata, items } = object;
  if (typeof apiVersion !== 'string' || !apiVersion) throw new Error('apiVersion is missing');
  if (typeof kind !== 'string' || !kind) throw new Error('kind is missing');
  if (kind.endsWith('List') && Array.isArray(items)) return items.flatMap(objectsOf);
  const name = (metadata as JsonObject | undefined)?.['name'];
  if (typeof name !== 'string' || !name) throw new Error(`metadata.name of a ${kind} is missing`);
  return [object as unknown as ManifestObject];
}

/** What others lean on goes first. */
const ORDER = ['Namespace', 'CustomResourceDefinition', 'PriorityClass', 'StorageClass', 'ServiceAccount', 'ClusterRole', 'Role'];

export function inOrder<T extends { readonly kind: string }>(objects: readonly T[]): readonly T[] {
  const rank = ({ kind }: T) => (ORDER.includes(kind) ? ORDER.indexOf(kind) : ORDER.length);
  return [...objects].sort((a, b) => rank(a) - rank(b));
}

export const refKey = ({ apiVersion, kind, namespace = '', name }: ObjectRef): string =>
  // Versions show the same objects.
  [apiVersion.includes('/') ? apiVersion.split('/')[0] : '', kind, namespace, name].join('/');

export const checksumOf = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');

/** As a label's value, too. */
const NAME_MAX = 63;

/** Of `ingress/traefik.yaml`; names that cannot be kept as they are end in what tells them apart. */
export function addOnName(source: string): string {
  const plain = source.replace(/\.[^./]+$/, '');
  if (plain.length <= NAME_MAX && isDns1123Subdomain(plain).length === 0) return plain;
  const slug = plain
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  const suffix = checksumOf(plain).slice(0, 8);
  return slug ? `${slug.slice(0, NAME_MAX - suffix.length - 1)}-${suffix}` : suffix;
}
