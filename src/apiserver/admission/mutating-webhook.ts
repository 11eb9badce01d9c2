// MutatingAdmissionWebhook: webhooks one after the other, each seeing what those before it have made of the object.
import { isDeepStrictEqual } from 'node:util';
import { decodeJson } from '../../apimachinery/codec/json.js';
import type { Json, JsonObject } from '../../apimachinery/json.js';
import { normalize } from '../../apimachinery/normalize.js';
import type { KubeObject } from '../../apimachinery/object.js';
import { applyJsonPatch } from '../../apimachinery/patch/json.js';
import { internalError, StatusError } from '../../apimachinery/status.js';
import type { Mutable } from '../../kinds/define.js';
import type { AdmissionResponse } from '../../kinds/types/admission_v1.js';
import type { Draft } from '../body.js';
import type { ApiContext } from '../context.js';
import { CallingWebhookError, callHook } from '../webhooks/call.js';
import type { Hook } from '../webhooks/hooks.js';
import type { ReviewSubject } from '../webhooks/review.js';
import { conditionsHold, subjectOf } from '../webhooks/subject.js';
import type { AdmissionPlugin, AdmissionRequest, AdmissionRounds } from './admission.js';
import { isExempt } from './matching.js';

/** Who is to be asked again (reinvocationPolicy IfNeeded) because the object has changed since. */
interface Memory {
  readonly asked: Set<string>;
  readonly again: Set<string>;
  /** The object as the first round's webhooks left it. */
  left: unknown;
}

export const mutatingWebhook: AdmissionPlugin = {
  name: 'MutatingAdmissionWebhook',
  operations: ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'],
  admit(request, object, context, rounds) {
    const hooks = context.webhooks.mutating.get();
    if (hooks instanceof Promise) return hooks.then((known) => askAll(known, request, object, context, rounds));
    // Without any, nobody waits for anything.
    return hooks.length === 0 ? undefined : askAll(hooks, request, object, context, rounds);
  },
};

async function askAll(
  hooks: readonly Hook[],
  request: AdmissionRequest,
  object: Mutable<KubeObject> | undefined,
  context: ApiContext,
  rounds: AdmissionRounds,
): Promise<void> {
  if (hooks.length === 0 || isExempt(request)) return;
  const memory = memoryOf(rounds);
  // Other plugins have changed the object after the webhooks: all that want to know are asked.
  if (rounds.second && !isDeepStrictEqual(object, memory.left)) askAgain(memory);
  for (const hook of hooks) {
    if (rounds.second && !memory.again.has(hook.uid)) continue;
    const subject = await subjectOf(context, hook, request, object as KubeObject | undefined);
    if (!subject || !(await conditionsHold(context, hook, subject))) continue;
    if (await mutate(context, hook, subject, object)) {
      askAgain(memory);
      rounds.wantsSecond = true;
    }
    if (hook.webhook.reinvocationPolicy === 'IfNeeded') memory.asked.add(hook.uid);
  }
  if (memory.asked.size > 0) memory.left = structuredClone(object);
}

function memoryOf(rounds: AdmissionRounds): Memory {
  let memory = rounds.memory.get(mutatingWebhook) as Memory | undefined;
  if (!memory) rounds.memory.set(mutatingWebhook, (memory = { asked: new Set(), again: new Set(), left: undefined }));
  return memory;
}

function askAgain({ asked, again }: Memory): void {
  for (const uid of asked) again.add(uid);
  asked.clear();
}

/** Whether the object is another one now. */
async function mutate(context: ApiContext, hook: Hook, subject: ReviewSubject, object: Mutable<KubeObject> | undefined): Promise<boolean> {
  let operations: readonly Json[] = [];
  await callHook(context, hook, subject, 'admit', (response) => (operations = patchIn(hook.webhook.name, response)));
  if (operations.length === 0) return false;
  if (!object || !subject.object) {
    throw internalError(
      `admission webhook ${JSON.stringify(hook.webhook.name)} attempted to modify the object, which is not supported for this operation`,
    );
  }
  const patched = apply(subject.object, operations);
  return takeOver(object, await toRequest(subject, patched));
}

function patchIn(name: string, { patch, patchType }: AdmissionResponse): readonly Json[] {
  if (!patch) return [];
  if (patchType !== undefined && patchType !== 'JSONPatch')
    throw new CallingWebhookError(name, `unsupported patch type ${JSON.stringify(patchType)}`, 400);
  const failed = (why: string) => new CallingWebhookError(name, `received undecodable patch in webhook response: ${why}`, 503);
  try {
    const operations = decodeJson(Buffer.from(patch, 'base64'));
    if (Array.isArray(operations)) return operations as readonly Json[];
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    throw failed(error.message.replace(/^.*json parse error: /, ''));
  }
  throw failed('it is no list of operations');
}

function apply(object: KubeObject, operations: readonly Json[]): JsonObject {
  try {
    return applyJsonPatch(object as unknown as JsonObject, operations);
  } catch (error) {
    // As upstream: a patch that does not fit is the webhook's mistake, not the client's.
    throw error instanceof StatusError ? internalError(error.message) : error;
  }
}

/** The patched object, with defaults, as what the request is about. */
async function toRequest({ request, resource }: ReviewSubject, patched: JsonObject): Promise<KubeObject> {
  const own = request.resource;
  const { apiVersion, kind, schema } = request.kind;
  if (kind !== own.kind.kind) return { ...normalize(schema, patched).object, apiVersion, kind } as unknown as KubeObject;
  const next = normalize(resource.schema, patched).object as unknown as Draft;
  if (!request.subresource) resource.kind.defaults?.(next);
  return resource === own ? (next as KubeObject) : resource.storage.convertTo(own.storage, next as KubeObject);
}

/** Makes `object` what `next` is, and tells whether it was something else before. */
function takeOver(object: Mutable<KubeObject>, next: KubeObject): boolean {
  if (isDeepStrictEqual(object, next)) return false;
  for (const field of Object.keys(object)) delete (object as { [field: string]: unknown })[field];
  Object.assign(object, next);
  return true;
}
