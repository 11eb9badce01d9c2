// One call of one admission webhook: the review sent, the answer judged, and whatever goes wrong in upstream's words.
import { uuid } from '../../apimachinery/clock.js';
import { badRequest, internalError, type StatusDetails, StatusError } from '../../apimachinery/status.js';
import type { AdmissionResponse } from '../../kinds/types/admission_v1.js';
import type { ApiContext } from '../context.js';
import { WebhookCallError } from './client.js';
import type { Hook } from './hooks.js';
import type { WebhookType } from './metrics.js';
import { admissionReview, type ReviewSubject, responseOf, reviewVersionOf } from './review.js';

/** For configurations that were stored without one. */
const DEFAULT_TIMEOUT_s = 10;
/** Longer ones are cut; the header is cut again to what clients take. */
const MAX_WARNING_LENGTH = 4096;
const LEAST_ERROR_CODE = 400;

/** A webhook that could not be asked, or whose answer is none: what failurePolicy is about. */
export class CallingWebhookError extends Error {
  override readonly name = 'CallingWebhookError';
  constructor(
    webhook: string,
    why: string,
    /** For the metrics. */
    readonly code: number,
  ) {
    super(`failed calling webhook ${JSON.stringify(webhook)}: ${why}`);
  }
}

/** Undefined where the webhook failed and its failures are to be ignored. Throws StatusError where it refuses, or failed and must not. */
export async function callHook(
  context: ApiContext,
  hook: Hook,
  subject: ReviewSubject,
  type: WebhookType,
  use: (response: AdmissionResponse) => void = () => {},
): Promise<AdmissionResponse | undefined> {
  const { metrics } = context.webhooks;
  const { name, failurePolicy } = hook.webhook;
  const started_ms = context.clock.monotonic();
  const series = { name, type, operation: subject.request.operation };
  const observe = (code: number, rejected: boolean) =>
    metrics.observe({ ...series, code, rejected, duration_s: (context.clock.monotonic() - started_ms) / 1000 });
  try {
    const response = await ask(context, hook, subject, type);
    if (!response.allowed) throw denial(name, response.status);
    use(response);
    observe(200, false);
    return response;
  } catch (error) {
    if (error instanceof StatusError) {
      observe(error.code, true);
      metrics.rejection(series, 'no_error', error.code);
      throw error;
    }
    if (!(error instanceof CallingWebhookError)) throw error;
    const ignored = failurePolicy === 'Ignore';
    observe(error.code, !ignored);
    context.log.warn({ webhook: name, error: error.message, ignored }, 'a webhook cannot be called');
    if (!ignored) {
      metrics.rejection(series, 'calling_webhook_error', error.code);
      throw internalError(error.message);
    }
    metrics.failOpen(series);
    return undefined;
  }
}

async function ask(context: ApiContext, { webhook }: Hook, subject: ReviewSubject, type: WebhookType): Promise<AdmissionResponse> {
  const { name, clientConfig, timeoutSeconds = DEFAULT_TIMEOUT_s, sideEffects, admissionReviewVersions } = webhook;
  const { dryRun, exchange } = subject.request;
  if (dryRun && sideEffects !== 'None' && sideEffects !== 'NoneOnDryRun') {
    throw badRequest(`admission webhook ${JSON.stringify(name)} does not support dry run`);
  }
  const uid = uuid(context.random);
  const version = reviewVersionOf(admissionReviewVersions);
  const failed = (why: string, code: number) => new CallingWebhookError(name, why, code);
  try {
    const answer = await context.webhooks.client.post(clientConfig, admissionReview(uid, version, subject), timeoutSeconds * 1000);
    const response = verified(answer, uid, version, type, failed);
    for (const text of response.warnings ?? []) warn(exchange.warnings, text);
    for (const [key, value] of Object.entries(response.auditAnnotations ?? {})) exchange.audit?.annotate(`${name}/${key}`, value);
    return response;
  } catch (error) {
    if (!(error instanceof WebhookCallError)) throw error;
    throw failed(`failed to call webhook: ${error.message}`, error.status?.code ?? 503);
  }
}

function verified(
  answer: Parameters<typeof responseOf>[0],
  uid: string,
  version: string,
  type: WebhookType,
  failed: (why: string, code: number) => Error,
): AdmissionResponse {
  try {
    return responseOf(answer, uid, version, type === 'admit');
  } catch (error) {
    throw failed(`received invalid webhook response: ${(error as Error).message}`, 503);
  }
}

/** An update is tried again where it lost a race, but its warnings are told once. */
export function warn(warnings: string[], text: string): void {
  if (!warnings.includes(text)) warnings.push(text.slice(0, MAX_WARNING_LENGTH));
}

/** Whatever the webhook says, it is a refusal. */
function denial(webhook: string, status: AdmissionResponse['status']): StatusError {
  const denied = `admission webhook ${JSON.stringify(webhook)} denied the request`;
  const why = status?.message || status?.reason;
  const code = Math.max(status?.code ?? 0, LEAST_ERROR_CODE);
  const message = why ? `${denied}: ${why}` : `${denied} without explanation`;
  return new StatusError(code, status?.reason ?? '', message, status?.details as StatusDetails | undefined);
}
