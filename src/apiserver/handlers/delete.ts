// DELETE of one object or of a collection: at once, or marked for a kubelet or finalizers to complete.
import { isJsonObject, type JsonObject, jsonText } from '../../apimachinery/json.js';
import { normalize } from '../../apimachinery/normalize.js';
import type { KubeObject } from '../../apimachinery/object.js';
import { badRequest, forbiddenRequest, isStatus } from '../../apimachinery/status.js';
import type { AdmissionRequest } from '../admission/admission.js';
import { kindOf, readBody } from '../body.js';
import type { ApiContext } from '../context.js';
import { checkDeletionOptions, checkPreconditions, type Deletion, type DeletionOptions, decideDeletion } from '../deletion.js';
import type { Exchange, Handler, Result } from '../exchange.js';
import { integerOf, isDryRun } from '../parameters.js';
import { isTrue } from '../request.js';
import type { Resource } from '../resources.js';
import { claimsOf } from '../storage/claims.js';
import { successStatus } from '../success.js';
import { listHandler } from './list.js';

/** Deletions of a collection that are under way at once. */
const COLLECTION_CONCURRENCY = 16;
const OPTIONS_KIND = 'DeleteOptions';

export interface DeleteRequest {
  readonly resource: Resource;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly options: DeletionOptions;
  readonly exchange: Exchange;
  readonly dryRun: boolean;
  /** Admission has been asked about what led to it (an eviction), and is not asked again. */
  readonly admitted?: boolean;
}

export function deleteHandler(context: ApiContext): Handler {
  return async ({ exchange, info, resource }) => {
    const { options, dryRun } = readOptions(context, exchange);
    return deleteObject(context, { resource, namespace: info.namespace, name: info.name!, options, exchange, dryRun });
  };
}

export function deleteCollectionHandler(context: ApiContext): Handler {
  return async (request) => {
    const { exchange, resource } = request;
    const { options, dryRun } = readOptions(context, exchange);
    const list = await listHandler(request);
    if (list.type !== 'list') throw new Error('delete: a list answers with a list');
    const waiting = [...list.objects];
    const worker = async () => {
      for (let object = waiting.shift(); object; object = waiting.shift()) {
        const { name, namespace } = object.object.metadata;
        await unlessGone(deleteObject(context, { resource, namespace, name, options, exchange, dryRun }));
      }
    };
    await Promise.all(Array.from({ length: Math.min(COLLECTION_CONCURRENCY, waiting.length) }, worker));
    return list;
  };
}

/** What is deleted by somebody else meanwhile is deleted all the same. */
async function unlessGone(deletion: Promise<Result>): Promise<void> {
  try {
    await deletion;
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error;
  }
}

/** The object where it stays for a while or its kind is answered so, else a success Status. */
export async function deleteObject(context: ApiContext, request: DeleteRequest): Promise<Result> {
  const { resource, namespace, name, options, dryRun } = request;
  let deletion = { type: 'keep' } as Deletion;
  const changed = await resource.storage.change({ namespace, name }, async ({ object: old }) => {
    const never = resource.kind.undeletable?.(old);
    if (never) throw forbiddenRequest(resource.kind.groupResource, name, never);
    checkPreconditions(resource.kind, old, options.preconditions);
    if (!request.admitted) await admit(context, request, old);
    deletion = decideDeletion(resource, old, options, context.clock.now());
    if (deletion.type === 'keep' || dryRun) return { type: 'keep' };
    if (deletion.type === 'mark') return { type: 'put', object: deletion.object };
    return { type: 'delete', release: claimsOf(resource, old) };
  });
  if (deletion.type === 'remove' && !resource.kind.returnDeletedObject) {
    const { uid } = changed.object.object.metadata;
    return { type: 'value', code: 200, value: successStatus(resource.kind.groupResource, name, uid) };
  }
  const code = isAccepted(options) ? 202 : 200;
  if (dryRun && deletion.type === 'mark') return { type: 'value', code, value: deletion.object };
  return { type: 'object', code, resource, object: changed.object };
}

/** As upstream: only who asked for dependents to go first is told that it is not over. */
const isAccepted = ({ propagationPolicy, orphanDependents }: DeletionOptions) =>
  propagationPolicy === 'Foreground' || orphanDependents === false;

async function admit(context: ApiContext, request: DeleteRequest, old: KubeObject): Promise<void> {
  const admission: AdmissionRequest = { ...request, operation: 'DELETE', subresource: undefined, kind: kindOf(request.resource), old };
  await context.admission.admit(admission, undefined, context);
  await context.admission.validate(admission, undefined, context);
}

/** Options come in the body or in the query; the body counts more. */
function readOptions(context: ApiContext, exchange: Exchange): { options: DeletionOptions; dryRun: boolean } {
  const { query } = exchange;
  const body = hasBody(exchange) ? readOptionsBody(context, exchange) : {};
  const fromQuery: JsonObject = {
    ...(query.has('gracePeriodSeconds') ? { gracePeriodSeconds: integerOf(query.get('gracePeriodSeconds')!) } : {}),
    ...(query.has('propagationPolicy') ? { propagationPolicy: query.get('propagationPolicy')! } : {}),
    ...(query.has('orphanDependents') ? { orphanDependents: isTrue(query.get('orphanDependents')) } : {}),
  };
  const merged = { ...fromQuery, ...body };
  const options = merged as DeletionOptions;
  checkDeletionOptions(options);
  const inBody = Array.isArray(merged['dryRun']) ? (merged['dryRun'] as string[]) : [];
  return { options, dryRun: isDryRun([...query.getAll('dryRun'), ...inBody], OPTIONS_KIND) };
}

const hasBody = ({ body }: Exchange) => (body.type === 'value' ? body.value !== undefined : body.type === 'bytes' && body.bytes.length > 0);

function readOptionsBody(context: ApiContext, exchange: Exchange): JsonObject {
  const schema = context.resources.schemas.get('meta.v1.DeleteOptions');
  const { value } = readBody(exchange, (_apiVersion, kind) => (kind === OPTIONS_KIND ? schema : undefined));
  if (value['kind'] !== undefined && value['kind'] !== OPTIONS_KIND) {
    throw badRequest(`the body of a deletion must be ${OPTIONS_KIND}, not ${jsonText(value['kind'])}`);
  }
  const { object } = normalize(schema, value);
  return isJsonObject(object) ? object : {};
}
