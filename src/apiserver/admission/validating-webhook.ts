// ValidatingAdmissionWebhook: all webhooks that a request concerns are asked at once; one refusal is enough.

import type { KubeObject } from '../../apimachinery/object.js';
import type { ApiContext } from '../context.js';
import { callHook } from '../webhooks/call.js';
import type { Hook } from '../webhooks/hooks.js';
import { conditionsHold, subjectOf } from '../webhooks/subject.js';
import type { AdmissionPlugin, AdmissionRequest } from './admission.js';
import { isExempt } from './matching.js';

export const validatingWebhook: AdmissionPlugin = {
  name: 'ValidatingAdmissionWebhook',
  operations: ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'],
  validate(request, object, context) {
    const hooks = context.webhooks.validating.get();
    if (hooks instanceof Promise) return hooks.then((known) => askAll(known, request, object, context));
    // Without any, nobody waits for anything.
    return hooks.length === 0 ? undefined : askAll(hooks, request, object, context);
  },
};

async function askAll(
  hooks: readonly Hook[],
  request: AdmissionRequest,
  object: KubeObject | undefined,
  context: ApiContext,
): Promise<void> {
  if (hooks.length === 0 || isExempt(request)) return;
  const results = await Promise.allSettled(
    hooks.map(async (hook) => {
      const subject = await subjectOf(context, hook, request, object);
      if (subject && (await conditionsHold(context, hook, subject))) await callHook(context, hook, subject, 'validating');
    }),
  );
  const refused = results.find(({ status }) => status === 'rejected');
  if (refused) throw (refused as PromiseRejectedResult).reason;
}
