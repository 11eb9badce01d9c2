// NodeName: a pod that names its node goes to that one only.
import { definePlugin } from '../define.js';
import { nodeNameHints } from '../event-hints.js';

const REFUSAL = { reasons: ["node(s) didn't match the requested node name"], unresolvable: true };

export const nodeName = definePlugin({
  name: 'NodeName',
  make: () => ({
    events: nodeNameHints,
    signature: ({ spec }) => spec.nodeName ?? '',
    preFilter: ({ spec }) => (spec.nodeName ? {} : { skip: true }),
    filter: ({ spec }, { name }) => (!spec.nodeName || spec.nodeName === name ? undefined : REFUSAL),
  }),
});
