// projected: keys of ConfigMaps and Secrets, fields of the pod and tokens of its service account, together in one directory.
import { allContainers } from '../../src/kinds/core/podutil.js';
import type { Pod, PodSpec, VolumeProjection } from '../../src/kinds/types/core_v1.js';
import { configMapPayload } from './configmap.js';
import { downwardPayload } from './downwardapi.js';
import { type Payload, type PayloadFile, safePath, writePayload } from './payload.js';
import { keepInMemory, secretPayload } from './secret.js';
import { defineVolume, type VolumeContext, VolumeError } from './volume.js';

const DEFAULT_MODE = 0o644;
const OWNER_ONLY = 0o600;
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
    if (sources.some(({ secret }) => secret)) await keepInMemory(context);
    writePayload(context.directory, all, context.pod.spec.securityContext?.fsGroup);
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
    return new Map([[safePath(path), tokenFile(token, mode, context.pod)]]);
  }
  throw new VolumeError(`projected source "${Object.keys(source)[0] ?? 'none'}" is not supported by this node`);
}

/** For nobody's eyes but those who run as the pod does, where that is one user or one group. */
function tokenFile(token: string, mode: number, { spec }: Pod): PayloadFile {
  const data = Buffer.from(token);
  const user = onlyUser(spec);
  if (user !== undefined) return { data, mode: OWNER_ONLY, user };
  return { data, mode: spec.securityContext?.fsGroup === undefined ? mode : OWNER_ONLY };
}

/** The user that all containers are told to run as; undefined where they differ, or an image decides. */
function onlyUser(spec: PodSpec): number | undefined {
  const users = allContainers(spec).map(({ securityContext }) => securityContext?.runAsUser ?? spec.securityContext?.runAsUser);
  return users.every((user) => user === users[0]) ? users[0] : undefined;
}
