// A node to try a preemption on: the filters of the cycle, asked as if some of its pods were gone. Pure.
import type { Pod } from '../../kinds/types/core_v1.js';
import type { Filters, NodeInfo, Refusal } from '../define.js';
import { refusalOf, withoutPod, withPod } from '../filters.js';
import { nodeInfoWith, nodeInfoWithout } from '../resources.js';
import type { DryRun } from './preemption-victims.js';

export class Trial implements DryRun {
  /** Of the last time that it did not fit. */
  refusal: Refusal | undefined;

  constructor(
    private filters: Filters,
    private node: NodeInfo,
  ) {}

  remove(pod: Pod): void {
    this.filters = withoutPod(this.filters, pod, this.node);
    this.node = nodeInfoWithout(this.node, pod);
  }

  add(pod: Pod): void {
    this.filters = withPod(this.filters, pod, this.node);
    this.node = nodeInfoWith(this.node, pod);
  }

  fits(): boolean {
    this.refusal = refusalOf(this.filters, this.node)?.refusal;
    return this.refusal === undefined;
  }
}
