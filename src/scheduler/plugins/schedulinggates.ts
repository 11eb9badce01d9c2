// SchedulingGates: a pod is not looked at before all of its gates are gone.
import { definePlugin } from '../define.js';

export const schedulingGates = definePlugin({
  name: 'SchedulingGates',
  make: () => ({
    events: [],
    preEnqueue({ spec }) {
      const gates = spec.schedulingGates ?? [];
      return gates.length === 0 ? undefined : `waiting for scheduling gates: [${gates.map(({ name }) => name).join(' ')}]`;
    },
  }),
});
