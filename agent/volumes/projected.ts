// projected: keys of ConfigMaps and Secrets, fields of the pod and tokens of its service account, together in one directory.
import type { VolumeProjection } from '../../src/kinds/types/core_v1.js';
import { configMapPayload } from './configmap.js';
import { downwardPayload } from './downwardapi.js';
import { type Payload, type PayloadFile, safePath, writePayload } from './payload.js';
import { secretPayload } from './secret.js';
import { defineVolume, type VolumeContext, VolumeError } from './volume.js';

const DEFAULT_MODE = 0o644;
/** The API server's default. */
const TOKEN_EXPIRATION_S = 3600;

export default defineVolume({
  field: 'projected',
  plugin: 'kubernetes.io~projected',
  managed: true,
  async setUp(volume, context) {
    const { sources = [], defaultMode = DEFAULT_MODE } = volume.projected ?? {};
    const payloads = await Promise.all(sources.map((source) => payloadOf(source, defaultMode, context)));
    // Where two sources have a file of the same path, the later one's counts.
    const all = new Map(payloads.flatMap((payload) => [...payload]));
    await writePayload(context.directory, all, context.pod.spec.securityContext?.fsGroup);
    return context.directory;
  },
});

async function payloadOf(source: VolumeProjection, mode: number, context: VolumeContext): Promise<Payload> {
  const { configMap, secret, downwardAPI, serviceAccountToken } = source;
  if (configMap) return configMapPayload(configMap.name, { ...configMap, defaultMode: mode }, context);
  if (secret) return secretPayload(secret.name, { ...secret, defaultMode: mode }, context);
  if (downwardAPI) return downwardPayload(downwardAPI.items, mode, context);
  if (serviceAccountToken) {
    const { path, audience, expirationSeconds = TOKEN_EXPIRATION_S } = serviceAccountToken;
    const token = await context.sources.serviceAccountToken(context.pod, { audience, expirationSeconds });
    const file: PayloadFile = { data: Buffer.from(token), mode };
    return new Map([[safePath(path), file]]);
  }
  throw new VolumeError(`projected source "${Object.keys(source)[0] ?? 'none'}" is not supported by this node`);
}
