// Tokens that are kept in Secrets and never expire: the day of their last use is noted on the Secret, and one that is marked lets nobody in.
import { rfc3339Day } from '../../apimachinery/clock.js';
import { StatusError } from '../../apimachinery/status.js';
import { secrets } from '../../kinds/core/secret.js';
import type { Secret } from '../../kinds/types/core_v1.js';
import { ANNOTATION_SERVICE_ACCOUNT, LABEL_TOKEN_INVALID_SINCE, LABEL_TOKEN_LAST_USED } from '../../kinds/wellknown.js';
import type { ApiContext } from '../context.js';

/** Why the token that the Secret holds is not to be used; undefined where it may be. */
export function whyInvalid({ metadata: { namespace, name, labels, annotations } }: Secret): string | undefined {
  if (!labels?.[LABEL_TOKEN_INVALID_SINCE]) return undefined;
  const account = annotations?.[ANNOTATION_SERVICE_ACCOUNT] ?? '';
  return (
    `the token in secret ${namespace}/${name} for service account ${namespace}/${account} has been marked invalid. ` +
    'Use tokens from the TokenRequest API or manually created secret-based tokens, ' +
    `or remove the '${LABEL_TOKEN_INVALID_SINCE}' label from the secret to temporarily allow use of this token`
  );
}

/** At its first use of a day; whether that can be written is nothing to who uses it. */
export async function noteUse({ resources, clock, log }: ApiContext, { metadata }: Secret): Promise<void> {
  const today = rfc3339Day(clock.now());
  if (metadata.labels?.[LABEL_TOKEN_LAST_USED] === today) return;
  try {
    await resources.of(secrets).storage.change(metadata, ({ object }) => {
      const labels = { ...object.metadata.labels, [LABEL_TOKEN_LAST_USED]: today };
      return object.metadata.uid === metadata.uid
        ? { type: 'put', object: { ...object, metadata: { ...object.metadata, labels } } }
        : { type: 'keep' };
    });
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    log.warn({ secret: metadata.name, reason: error.reason }, `the use of its token cannot be noted: ${error.message}`);
  }
}
