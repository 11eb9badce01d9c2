// ValidatingAdmissionWebhook: all webhooks that a request concerns are asked at once; one refusal is enough.
import { callHook } from '../webhooks/call.js';
import { conditionsHold, subjectOf } from '../webhooks/subject.js';
import type { AdmissionPlugin } from './admission.js';
import { isExempt } from './matching.js';

export const validatingWebhook: AdmissionPlugin = {
  name: 'ValidatingAdmissionWebhook',
  operations: ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'],
  async validate(request, object, context) {
    const known = context.webhooks.validating.get();
    const hooks = known instanceof Promise ? await known : known;
    if (hooks.length === 0 || isExempt(request)) return;
    const results = await Promise.allSettled(
      hooks.map(async (hook) => {
        const subject = await subjectOf(context, hook, request, object);
        if (subject && (await conditionsHold(context, hook, subject))) await callHook(context, hook, subject, 'validating');
      }),
    );
    const refused = results.find(({ status }) => status === 'rejected');
    if (refused) throw (refused as PromiseRejectedResult).reason;
  },
};
