// PrioritySort: pods of higher priority are tried first, of the same priority those that came first.
import { definePlugin } from '../define.js';

export const prioritySort = definePlugin({
  name: 'PrioritySort',
  make: () => ({
    less(a, b) {
      const [of, other] = [a.pod.spec.priority ?? 0, b.pod.spec.priority ?? 0];
      return of === other ? a.turn < b.turn : of > other;
    },
  }),
});
