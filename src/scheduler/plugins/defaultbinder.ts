// DefaultBinder: tells the API server on which node the pod is to run.
import { pods } from '../../kinds/core/pod.js';
import { definePlugin } from '../define.js';

export const defaultBinder = definePlugin({
  name: 'DefaultBinder',
  make: () => ({
    async bind({ metadata }, node, { client }) {
      const { namespace, name, uid } = metadata;
      await client.post(pods, { namespace, name }, 'binding', {
        apiVersion: 'v1',
        kind: 'Binding',
        // The uid: a namesake that was made meanwhile is not meant.
        metadata: { name, uid, ...(namespace ? { namespace } : {}) },
        target: { apiVersion: 'v1', kind: 'Node', name: node.name },
      });
    },
  }),
});
