// The scheduler's plugins: filters are asked in this order, and the first that refuses a node gives the reason.
import type { PluginDefinition } from '../define.js';
import { defaultBinder } from './defaultbinder.js';
import { defaultPreemption } from './defaultpreemption.js';
import { imageLocality } from './imagelocality.js';
import { interPodAffinity } from './interpodaffinity.js';
import { nodeAffinity } from './nodeaffinity.js';
import { nodeName } from './nodename.js';
import { nodePorts } from './nodeports.js';
import { nodeResourcesBalancedAllocation } from './noderesourcesbalancedallocation.js';
import { nodeResourcesFit } from './noderesourcesfit.js';
import { nodeUnschedulable } from './nodeunschedulable.js';
import { nodeVolumeLimits } from './nodevolumelimits.js';
import { podTopologySpread } from './podtopologyspread.js';
import { prioritySort } from './prioritysort.js';
import { schedulingGates } from './schedulinggates.js';
import { taintToleration } from './tainttoleration.js';
import { volumeBinding } from './volumebinding.js';
import { volumeRestrictions } from './volumerestrictions.js';
import { volumeZone } from './volumezone.js';

export const plugins: readonly PluginDefinition[] = [
  schedulingGates,
  prioritySort,
  nodeUnschedulable,
  nodeName,
  taintToleration,
  nodeAffinity,
  nodePorts,
  nodeResourcesFit,
  volumeRestrictions,
  nodeVolumeLimits,
  volumeBinding,
  volumeZone,
  podTopologySpread,
  interPodAffinity,
  defaultPreemption,
  nodeResourcesBalancedAllocation,
  imageLocality,
  defaultBinder,
];
