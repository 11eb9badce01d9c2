// NodeName: a pod that names its node goes to that one only.
import { definePlugin } from '../define.js';

export const nodeName = definePlugin({
  name: 'NodeName',
  filter(pod, { node }) {
    if (!pod.spec.nodeName || pod.spec.nodeName === node.metadata.name) return undefined;
    return { reasons: ["node(s) didn't match the requested node name"], unresolvable: true };
  },
});
