// tokencleaner: watches bootstrap token Secrets and deletes each when its expiration has passed.
import { parseKey } from '../apimachinery/object.js';
import { isStatus } from '../apimachinery/status.js';
import { BOOTSTRAP_TOKEN_TYPE } from '../client/join-token.js';
import { secrets } from '../kinds/core/secret.js';
import { NAMESPACE_SYSTEM } from '../kinds/wellknown.js';
import { defineController } from './define.js';

export const tokenCleaner = defineController({
  name: 'token-cleaner',
  serviceAccount: 'token-cleaner',
  inputs: [secrets],
  outputs: [secrets],
  async reconcile(key, { get, client, clock, log }) {
    const secret = get(secrets, parseKey(key));
    // Elsewhere such a Secret lets nobody in.
    if (secret?.type !== BOOTSTRAP_TOKEN_TYPE || secret.metadata.namespace !== NAMESPACE_SYSTEM) return;
    const expiration = Buffer.from(secret.data?.['expiration'] ?? '', 'base64').toString('utf8');
    if (!expiration) return;
    const expires_ms = Date.parse(expiration);
    if (Number.isNaN(expires_ms)) {
      log.warn({ key, expiration }, 'the token has an expiration that is no time: it is left as it is and cannot be used');
      return;
    }
    const left_ms = expires_ms - clock.now();
    if (left_ms > 0) return { requeueAfter_ms: left_ms };
    try {
      const { uid, resourceVersion } = secret.metadata;
      // Only as it was seen: since then it may have been given more time.
      await client.delete(secrets, secret.metadata, { preconditions: { uid, ...(resourceVersion && { resourceVersion }) } });
      log.info({ key }, 'deleted an expired token');
    } catch (error) {
      if (!isStatus(error, 'NotFound')) throw error;
    }
  },
});
