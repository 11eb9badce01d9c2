// ServiceAccount: every pod runs as a ServiceAccount of its namespace, the one named default if it names none, and pulls with its secrets.
import { serviceAccounts } from '../../kinds/core/serviceaccount.js';
import type { Mutable } from '../../kinds/define.js';
import type { Pod, ServiceAccount } from '../../kinds/types/core_v1.js';
import { ANNOTATION_MIRROR_POD, SERVICE_ACCOUNT_DEFAULT } from '../../kinds/wellknown.js';
import type { ApiContext } from '../context.js';
import { type AdmissionPlugin, refusal } from './admission.js';

/** A namespace's default account is made a moment after the namespace; who creates a pod in between should not have to know. */
const DEFAULT_WAIT_MS = 2_000;

export const serviceAccount: AdmissionPlugin = {
  name: 'ServiceAccount',
  operations: ['CREATE'],
  resources: ['pods'],
  async admit(request, object, context) {
    const { subresource, namespace } = request;
    const pod = object as Mutable<Pod>;
    // A static pod exists whatever the API says; its mirror only shows it.
    if (subresource || !pod.spec || pod.metadata.annotations?.[ANNOTATION_MIRROR_POD] !== undefined) return;
    const wanted = pod.spec.serviceAccountName || SERVICE_ACCOUNT_DEFAULT;
    const account = await find(context, namespace!, wanted);
    if (!account) {
      const why = `error looking up service account ${namespace}/${wanted}: serviceaccount "${wanted}" not found`;
      throw refusal(request, object, why);
    }
    pod.spec.serviceAccountName = wanted;
    pod.spec.serviceAccount = wanted;
    if (!pod.spec.imagePullSecrets?.length && account.imagePullSecrets) {
      pod.spec.imagePullSecrets = structuredClone(account.imagePullSecrets) as Mutable<Pod>['spec']['imagePullSecrets'] & object;
    }
  },
};

/** From the cache; a default account that is not there yet is waited for. */
async function find({ resources, clock }: ApiContext, namespace: string, name: string): Promise<ServiceAccount | undefined> {
  const { cache, storage } = resources.of(serviceAccounts);
  await cache.ready();
  const key = storage.key({ namespace, name });
  const known = cache.get(key) ?? (await storage.get({ namespace, name }));
  if (known || name !== SERVICE_ACCOUNT_DEFAULT) return known?.object as ServiceAccount | undefined;
  return new Promise((resolve) => {
    const done = (account?: ServiceAccount) => {
      timer.cancel();
      resolve(account);
      queueMicrotask(() => watch.cancel());
    };
    const timer = clock.after(DEFAULT_WAIT_MS, () => done());
    const watch = cache.watch(
      { prefix: key, matches: (stored) => stored.object.metadata.name === name, bookmarks: false, initialEventsEnd: false },
      {
        start: ([first]) => first && done(first.object.object as ServiceAccount),
        event: ({ object }) => done(object.object as ServiceAccount),
        bookmark: () => {},
        end: () => done(),
      },
    );
  });
}
