// ServiceAccount: every pod runs as a ServiceAccount of its namespace, the one named default if it names none, pulls with its
// secrets, and finds a token of it in its containers.
import { nameSuffix } from '../../apimachinery/clock.js';
import { serviceAccounts } from '../../kinds/core/serviceaccount.js';
import type { Mutable } from '../../kinds/define.js';
import type { Pod, ServiceAccount } from '../../kinds/types/core_v1.js';
import { ANNOTATION_MIRROR_POD, CONFIG_MAP_ROOT_CA, SERVICE_ACCOUNT_DEFAULT } from '../../kinds/wellknown.js';
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
    mountToken(pod, account, context);
  },
};

const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
/** By it the API server knows tokens of pods, and lets those of old programs live on. */
const TOKEN_EXPIRATION_S = 3607;
const FILE_MODE = 0o644;

/** What a program in a pod needs to talk to the API: a token of the pod's account, the cluster's authority, and its namespace. */
function mountToken({ spec }: Mutable<Pod>, account: ServiceAccount, { random }: ApiContext): void {
  if (!(spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true)) return;
  const name = `kube-api-access-${nameSuffix(random)}`;
  let mounted = false;
  for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
    if (container.volumeMounts?.some(({ mountPath }) => mountPath === MOUNT_PATH)) continue;
    container.volumeMounts = [...(container.volumeMounts ?? []), { name, readOnly: true, mountPath: MOUNT_PATH }];
    mounted = true;
  }
  if (!mounted) return;
  const sources = [
    { serviceAccountToken: { path: 'token', expirationSeconds: TOKEN_EXPIRATION_S } },
    { configMap: { name: CONFIG_MAP_ROOT_CA, items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
  ];
  spec.volumes = [...(spec.volumes ?? []), { name, projected: { sources, defaultMode: FILE_MODE } }];
}

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
