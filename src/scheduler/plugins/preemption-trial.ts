// A node to try a preemption on: the filters of the cycle, asked as if some of its pods were gone. Pure.
import type { Pod } from '../../kinds/types/core_v1.js';
import type { Filters, NodeInfo, Refusal } from '../define.js';
import { refusalOf, withoutPod, withPod } from '../filters.js';
import { nodeInfoWith, nodeInfoWithout } from '../resources.js';
import type { DryRun } from './preemption-victims.js';

export class Trial implements DryRun {
  constructor(
    private readonly filters: Filters,
    private readonly node: NodeInfo,
  ) {}

  without(pod: Pod): Trial {
    return new Trial(withoutPod(this.filters, pod, this.node), nodeInfoWithout(this.node, pod));
  }

  with(pod: Pod): Trial {
    return new Trial(withPod(this.filters, pod, this.node), nodeInfoWith(this.node, pod));
  }

  refusal(): Refusal | undefined {
    return refusalOf(this.filters, this.node)?.refusal;
  }
}
