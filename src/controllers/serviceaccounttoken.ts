// serviceaccount-token: watches ServiceAccounts and the Secrets that are to hold a token of one; fills them in, and deletes them when
// the account is gone.
import { keyOf, parseKey } from '../apimachinery/object.js';
import { isStatus } from '../apimachinery/status.js';
import { LEGACY_CLAIMS, LEGACY_ISSUER, serviceAccountUser, signJwt } from '../client/jwt.js';
import { secrets } from '../kinds/core/secret.js';
import { serviceAccounts } from '../kinds/core/serviceaccount.js';
import type { Secret, ServiceAccount } from '../kinds/types/core_v1.js';
import { ANNOTATION_SERVICE_ACCOUNT, TYPE_SERVICE_ACCOUNT_TOKEN } from '../kinds/wellknown.js';
import { defineController, type ReconcileContext } from './define.js';
import { findLive } from './find-live.js';

const ANNOTATION_UID = 'kubernetes.io/service-account.uid';

export const serviceAccountToken = defineController({
  name: 'serviceaccount-token',
  serviceAccount: null,
  inputs: [
    secrets,
    serviceAccounts.mapped(({ metadata }, { list }) =>
      list(secrets, metadata.namespace)
        .filter(
          (secret) =>
            secret.type === TYPE_SERVICE_ACCOUNT_TOKEN && secret.metadata.annotations?.[ANNOTATION_SERVICE_ACCOUNT] === metadata.name,
        )
        .map((secret) => keyOf(secret.metadata)),
    ),
  ],
  outputs: [secrets],
  async reconcile(key, context) {
    const secret = context.get(secrets, parseKey(key));
    const { serviceAccountPrivateKey } = context.options;
    if (secret?.type !== TYPE_SERVICE_ACCOUNT_TOKEN || !serviceAccountPrivateKey) return;
    const account = await accountOf(secret, context);
    if (account) await fill(secret, account, serviceAccountPrivateKey, context);
    else await remove(secret, context);
  },
});

/** The cache may lack an account that was made just before its secret, so the API is asked before anything is deleted. */
async function accountOf({ metadata }: Secret, { get, client }: ReconcileContext): Promise<ServiceAccount | undefined> {
  const name = { namespace: metadata.namespace, name: metadata.annotations?.[ANNOTATION_SERVICE_ACCOUNT] ?? '' };
  const wanted = metadata.annotations?.[ANNOTATION_UID];
  const isIt = (account: ServiceAccount | undefined) => account !== undefined && (!wanted || account.metadata.uid === wanted);
  const known = get(serviceAccounts, name);
  if (isIt(known)) return known;
  const live = await findLive(client, serviceAccounts, name);
  return isIt(live) ? live : undefined;
}

async function fill(secret: Secret, account: ServiceAccount, privateKey: string, { client, options }: ReconcileContext): Promise<void> {
  const { metadata, data = {} } = secret;
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const [authority, namespace] = [base64(options.rootCa), base64(metadata.namespace ?? '')];
  const isRight =
    metadata.annotations?.[ANNOTATION_UID] && data['token'] && data['ca.crt'] === authority && data['namespace'] === namespace;
  if (isRight) return;
  const token = data['token'] ?? base64(await signJwt(privateKey, claimsOf(secret, account)));
  await client.update<Secret>(secrets, {
    ...secret,
    metadata: { ...metadata, annotations: { ...metadata.annotations, [ANNOTATION_UID]: account.metadata.uid } },
    data: { ...data, token, 'ca.crt': authority, namespace },
  });
}

function claimsOf({ metadata }: Secret, account: ServiceAccount) {
  const namespace = metadata.namespace ?? '';
  const { name, uid } = account.metadata;
  return {
    iss: LEGACY_ISSUER,
    [LEGACY_CLAIMS.namespace]: namespace,
    [LEGACY_CLAIMS.secret]: metadata.name,
    [LEGACY_CLAIMS.name]: name,
    [LEGACY_CLAIMS.uid]: uid,
    sub: serviceAccountUser(namespace, name),
  };
}

async function remove({ metadata }: Secret, { client }: ReconcileContext): Promise<void> {
  try {
    await client.delete(secrets, metadata, { preconditions: { uid: metadata.uid } });
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error;
  }
}
