// The Status that says that something was done.
import type { GroupResource, Status } from '../apimachinery/status.js';

/** Of a request that leaves no object to show. */
export function successStatus({ group, resource }: GroupResource, name: string, uid?: string, code = 200): Status {
  const details = { name, ...(group ? { group } : {}), kind: resource, ...(uid ? { uid } : {}) };
  const base = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' } as const;
  return code === 200 ? { ...base, details, code } : { ...base, code };
}
