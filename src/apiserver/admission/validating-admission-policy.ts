// ValidatingAdmissionPolicy: what the policies that are bound to a request say of it: refused, warned of, or nothing.
import { loadCel } from '../../apimachinery/cel/library.js';
import type { KubeObject } from '../../apimachinery/object.js';
import { StatusError } from '../../apimachinery/status.js';
import type { ApiContext } from '../context.js';
import { asCel, celVariables } from '../policies/cel-subject.js';
import type { Binding } from '../policies/index.js';
import { ParamError, paramsFor } from '../policies/params.js';
import type { CompiledPolicy, Failure } from '../policies/policy.js';
import type { ReviewSubject } from '../webhooks/review.js';
import { subjectOf } from '../webhooks/subject.js';
import { type AdmissionPlugin, type AdmissionRequest, refusal } from './admission.js';
import { isExempt } from './matching.js';

const CODES: { readonly [reason: string]: number } = { Unauthorized: 401, Forbidden: 403, RequestEntityTooLarge: 413 };
const INVALID = 422;

export const validatingAdmissionPolicy: AdmissionPlugin = {
  name: 'ValidatingAdmissionPolicy',
  operations: ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'],
  validate(request, object, context) {
    const policies = context.policies.policies.get();
    if (policies instanceof Promise) return policies.then((known) => askAll(known, request, object, context));
    // Without any, nobody waits for anything.
    return policies.length === 0 ? undefined : askAll(policies, request, object, context);
  },
};

async function askAll(
  policies: readonly CompiledPolicy[],
  request: AdmissionRequest,
  object: KubeObject | undefined,
  context: ApiContext,
): Promise<void> {
  if (policies.length === 0 || isExempt(request)) return;
  const bindings = await context.policies.bindings.get();
  let denial: StatusError | undefined;
  for (const policy of policies) {
    const own = bindings.get(policy.policy.metadata.name) ?? [];
    const subject = own.length > 0 ? await subjectOf(context, policy, request, object) : undefined;
    // All are asked: those after a denial may still warn.
    if (subject) denial = (await ask(context, policy, own, subject, object)) ?? denial;
  }
  if (denial) throw denial;
}

async function ask(
  context: ApiContext,
  policy: CompiledPolicy,
  bindings: readonly Binding[],
  subject: ReviewSubject,
  object: KubeObject | undefined,
): Promise<StatusError | undefined> {
  const { request } = subject;
  let denial: StatusError | undefined;
  for (const each of bindings) {
    if (each.matcher && !(each.matcher.resourceFor(request, context) && (await each.matcher.selects(request, object, context)))) continue;
    for (const failure of await failuresOf(context, policy, each, subject)) denial = act(policy, each, failure, request, object) ?? denial;
  }
  return denial;
}

async function failuresOf(
  context: ApiContext,
  policy: CompiledPolicy,
  { binding }: Binding,
  subject: ReviewSubject,
): Promise<readonly Failure[]> {
  await loadCel();
  const { paramKind } = policy.policy.spec;
  try {
    const params = await paramsFor(context, paramKind, binding.spec.paramRef, subject.request.namespace);
    if (params.length === 0) return [];
    const variables = await celVariables(context, subject);
    return params.flatMap((each) => policy.evaluate(paramKind ? { ...variables, params: asCel(each) } : variables));
  } catch (error) {
    if (!(error instanceof ParamError)) throw error;
    return policy.failsClosed ? [{ message: error.message, reason: 'Invalid' }] : [];
  }
}

/** The error to answer with, where the binding denies. */
function act(
  { policy }: CompiledPolicy,
  { binding }: Binding,
  { message, reason }: Failure,
  request: AdmissionRequest,
  object: KubeObject | undefined,
): StatusError | undefined {
  const actions = binding.spec.validationActions ?? [];
  const who = `ValidatingAdmissionPolicy '${policy.metadata.name}' with binding '${binding.metadata.name}'`;
  const warning = `Validation failed for ${who}: ${message}`;
  if (actions.includes('Warn') && !request.exchange.warnings.includes(warning)) request.exchange.warnings.push(warning);
  if (!actions.includes('Deny')) return undefined;
  const denied = `${who} denied request: ${message}`;
  const forbidden = refusal(request, object ?? request.old, denied);
  return new StatusError(CODES[reason] ?? INVALID, reason, forbidden.message, { ...forbidden.details, causes: [{ message: denied }] });
}
