// findLive: one object as the API server has it now, where a cache that lags behind would lead to a wrong delete.
import type { KubeObject, ObjectName } from '../apimachinery/object.js';
import { isStatus } from '../apimachinery/status.js';
import type { Client } from '../client/client.js';
import type { Kind } from '../kinds/define.js';

/** Undefined where there is none; any other failure rejects. */
export async function findLive<T extends KubeObject>(client: Client, kind: Kind<T>, name: ObjectName): Promise<T | undefined> {
  try {
    return await client.get(kind, name);
  } catch (error) {
    if (isStatus(error, 'NotFound')) return undefined;
    throw error;
  }
}
