// The last of a pod: its object in the API, which the kubelet deletes when nothing of it is left on the node.
import { StatusError } from '../../src/apimachinery/status.js';
import type { Client } from '../../src/client/client.js';
import { pods } from '../../src/kinds/core/pod.js';
import type { Pod } from '../../src/kinds/types/core_v1.js';

export async function deletePod(client: Client, { metadata: { namespace, name, uid } }: Pod): Promise<void> {
  try {
    await client.delete(pods, { namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid } });
  } catch (error) {
    // Gone already, or another pod has its name.
    if (!(error instanceof StatusError) || (error.code !== 404 && error.code !== 409)) throw error;
  }
}
