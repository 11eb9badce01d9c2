// ValidatingAdmissionPolicy: what the policies that are bound to a request say of it: refused, warned of, or nothing.
import { loadCel } from '../../apimachinery/cel/library.js';
import type { KubeObject } from '../../apimachinery/object.js';
import { StatusError } from '../../apimachinery/status.js';
import type { ApiContext } from '../context.js';
import { asCel, celVariables } from '../policies/cel-subject.js';
import type { Binding } from '../policies/index.js';
import { ParamError, paramsFor } from '../policies/params.js';
import type { CompiledPolicy, Failure, Verdict } from '../policies/policy.js';
import type { ReviewSubject } from '../webhooks/review.js';
import { subjectOf } from '../webhooks/subject.js';
import { type AdmissionPlugin, type AdmissionRequest, refusal } from './admission.js';
import { isExempt } from './matching.js';

const CODES: { readonly [reason: string]: number } = { Unauthorized: 401, Forbidden: 403, RequestEntityTooLarge: 413 };
const INVALID = 422;
/** Upstream's key of the audit log. */
const VALIDATION_FAILURE = 'validation.policy.admission.k8s.io/validation_failure';

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
    const { failures, annotations } = await verdictOf(context, policy, each, subject);
    for (const [key, value] of annotations) request.exchange.audit?.annotate(key, value);
    for (const failure of failures) denial = act(policy, each, failure, request, object) ?? denial;
    audit(policy, each, failures, request);
  }
  return denial;
}

async function verdictOf(context: ApiContext, policy: CompiledPolicy, { binding }: Binding, subject: ReviewSubject): Promise<Verdict> {
  await loadCel();
  const { paramKind } = policy.policy.spec;
  try {
    const params = await paramsFor(context, paramKind, binding.spec.paramRef, subject.request.namespace);
    const variables = await celVariables(context, subject);
    const verdicts = params.map((each) => policy.evaluate(paramKind ? { ...variables, params: asCel(each) } : variables));
    return {
      failures: verdicts.flatMap(({ failures }) => failures),
      annotations: joined(verdicts.flatMap(({ annotations }) => annotations)),
    };
  } catch (error) {
    if (!(error instanceof ParamError)) throw error;
    return { failures: policy.failsClosed ? [{ message: error.message, reason: 'Invalid', index: 0 }] : [], annotations: [] };
  }
}

/** What is said of one key for several parameters is said once. */
function joined(annotations: Verdict['annotations']): Verdict['annotations'] {
  const byKey = new Map<string, Set<string>>();
  for (const [key, value] of annotations) byKey.set(key, (byKey.get(key) ?? new Set()).add(value));
  return [...byKey].map(([key, values]) => [key, [...values].join(', ')] as const);
}

/** Where the binding is to be told of in the audit log. */
function audit({ policy }: CompiledPolicy, { binding }: Binding, failures: readonly Failure[], { exchange }: AdmissionRequest): void {
  const { validationActions = [] } = binding.spec;
  if (failures.length === 0 || !exchange.audit || !validationActions.includes('Audit')) return;
  const [policyName, bindingName] = [policy.metadata.name, binding.metadata.name];
  const shown = failures.map(({ message, index }) => ({
    message,
    policy: policyName,
    binding: bindingName,
    expressionIndex: index,
    validationActions,
  }));
  exchange.audit.annotate(VALIDATION_FAILURE, JSON.stringify(shown));
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
