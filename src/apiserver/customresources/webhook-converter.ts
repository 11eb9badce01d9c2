// Strategy Webhook: objects are converted by whoever the definition names, in ConversionReviews.
import { isDeepStrictEqual } from 'node:util';
import { type Random, uuid } from '../../apimachinery/clock.js';
import { isJsonObject, type JsonObject, jsonText } from '../../apimachinery/json.js';
import type { KubeObject } from '../../apimachinery/object.js';
import { StatusError } from '../../apimachinery/status.js';
import type { WebhookConversion } from '../../kinds/types/apiextensions_v1.js';
import { WebhookCallError, type WebhookClient } from '../webhooks/client.js';
import type { Converter } from './conversion.js';

/** Upstream's: a read waits for it. */
const TIMEOUT_MS = 30_000;
const GROUP = 'apiextensions.k8s.io';
const REVIEW_VERSIONS: readonly string[] = ['v1', 'v1beta1'];

export interface WebhookConverterParts {
  readonly client: WebhookClient;
  readonly random: Random;
}

export function webhookConverter(
  { client, random }: WebhookConverterParts,
  { clientConfig, conversionReviewVersions }: WebhookConversion,
): Converter {
  const reviewVersion = conversionReviewVersions.find((version) => REVIEW_VERSIONS.includes(version)) ?? 'v1';
  return async (objects, apiVersion) => {
    const others = objects.filter((object) => object.apiVersion !== apiVersion);
    const [first] = others;
    if (!first) return objects;
    const conversion = `conversion webhook for ${first.apiVersion}, Kind=${first.kind}`;
    const uid = uuid(random);
    const review = {
      kind: 'ConversionReview',
      apiVersion: `${GROUP}/${reviewVersion}`,
      request: { uid, desiredAPIVersion: apiVersion, objects: others },
    };
    try {
      const answer = await client.post(clientConfig!, review, TIMEOUT_MS);
      const converted = convertedObjects(answer, uid, review.apiVersion);
      if (converted.length !== others.length) {
        throw new BadAnswer(`returned ${converted.length} objects, expected ${others.length}`);
      }
      const checked = converted.map((object, i) => checkedObject(object, others[i]!, apiVersion, i));
      return objects.map((object) => (object.apiVersion === apiVersion ? object : checked.shift()!));
    } catch (error) {
      throw conversionError(conversion, error);
    }
  };
}

/** What the webhook has to say for itself, after what was asked of it. */
class BadAnswer extends Error {}

function conversionError(conversion: string, error: unknown): unknown {
  if (error instanceof BadAnswer) return new StatusError(500, 'InternalError', `${conversion} ${error.message}`);
  if (error instanceof WebhookCallError) return new StatusError(500, 'InternalError', `${conversion} failed: ${error.message}`);
  return error;
}

function convertedObjects({ apiVersion, kind, response }: JsonObject, uid: string, wanted: string): readonly JsonObject[] {
  if (kind !== 'ConversionReview' || apiVersion !== wanted) {
    throw new BadAnswer(
      `failed: expected webhook response of ${gvk(wanted, 'ConversionReview')}, got ${gvk(jsonText(apiVersion), jsonText(kind))}`,
    );
  }
  if (!isJsonObject(response)) throw new BadAnswer('failed: no response provided');
  if (response['uid'] !== uid && wanted.endsWith('/v1')) {
    throw new BadAnswer(`failed: expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response['uid'] ?? '')}`);
  }
  const result = isJsonObject(response['result']) ? response['result'] : {};
  if (result['status'] !== 'Success') {
    const why = typeof result['message'] === 'string' && result['message'] ? result['message'] : undefined;
    throw new BadAnswer(`failed: ${why ?? `response.result.status was '${jsonText(result['status'] ?? '')}', not 'Success'`}`);
  }
  const { convertedObjects: objects } = response;
  return Array.isArray(objects) ? (objects as readonly JsonObject[]) : [];
}

const gvk = (apiVersion: string, kind: string) => `${apiVersion}, Kind=${kind}`;

/** As upstream: a conversion may change labels and annotations, but nothing else of the metadata. */
function checkedObject(converted: JsonObject, original: KubeObject, apiVersion: string, index: number): KubeObject {
  const bad = (why: string) => new BadAnswer(`returned invalid converted object at index ${index}: ${why}`);
  const { metadata } = converted;
  if (converted['apiVersion'] !== apiVersion) {
    throw bad(`invalid groupVersion (expected ${apiVersion}, received ${jsonText(converted['apiVersion'] ?? '')})`);
  }
  if (converted['kind'] !== original.kind)
    throw bad(`invalid kind (expected ${original.kind}, received ${jsonText(converted['kind'] ?? '')})`);
  if (!isJsonObject(metadata))
    throw new BadAnswer(`returned invalid metadata in object at index ${index}: missing metadata in converted object`);
  for (const [field, name] of [
    ['name', 'name'],
    ['namespace', 'namespace'],
    ['uid', 'UID'],
  ] as const) {
    if (!isDeepStrictEqual(metadata[field] ?? '', original.metadata[field] ?? '')) {
      throw bad(`must have the same ${name}: ${original.metadata[field] ?? ''} != ${String(metadata[field] ?? '')}`);
    }
  }
  return { ...converted, metadata: restoredMetadata(original, metadata) } as unknown as KubeObject;
}

function restoredMetadata(original: KubeObject, converted: JsonObject): KubeObject['metadata'] {
  const { labels: _labels, annotations: _annotations, ...rest } = original.metadata;
  const { labels, annotations } = converted;
  return { ...rest, ...(isJsonObject(labels) && { labels }), ...(isJsonObject(annotations) && { annotations }) } as KubeObject['metadata'];
}
