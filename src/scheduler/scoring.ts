// The score half of a cycle: what each plugin gives each node that fits, brought to one scale, their sum, and who is best. Pure.
import type { Random } from '../apimachinery/clock.js';
import type { Pod } from '../kinds/types/core_v1.js';
import type { Decision, Profile, Run, SchedulerPlugin, ScoreColumn, Snapshot } from './define.js';
import { attempt } from './filters.js';
import type { Code, CycleMeter } from './meter.js';
import type { NodeMemo } from './remembered.js';

/** Where a cycle writes its numbers, anything may be in it: one that is used again leaves nothing for the collector of garbage. */
export type NumbersRoom = (count: number) => Float64Array;

export const freshNumbers: NumbersRoom = (count) => new Float64Array(count);

/** The same again and again: what was written is good until there is asked for it anew. */
export function reusedNumbers(): NumbersRoom {
  let room = new Float64Array(0);
  return (count) => {
    if (count > room.length) room = new Float64Array(count);
    return room;
  };
}

export type Scored = Pick<Decision, 'scores' | 'numbers' | 'totals'>;

export const NO_SCORES: Scored = { scores: [], numbers: new Float64Array(0), totals: new Float64Array(0) };

export function scoreAll(
  pod: Pod,
  found: Pick<Decision, 'feasible' | 'runs'>,
  snapshot: Snapshot,
  profile: Profile,
  memo: NodeMemo,
  room: NumbersRoom,
  meter?: CycleMeter,
): Scored {
  const { feasible } = found;
  const states = new Map<SchedulerPlugin, unknown>();
  for (const plugin of profile.preScore) {
    const state = attempt('PreScore', plugin, () => plugin.preScore!(pod, feasible, snapshot), meter, preScoreCode);
    if (meter && state !== 'skip') meter.evaluations(plugin).PreScore++;
    states.set(plugin, state);
  }
  meter?.ran('PreScore');
  const asked = profile.score.filter(({ plugin }) => states.get(plugin) !== 'skip');
  const all = room((columnsIn(asked) + 1) * feasible.length);
  let end = 0;
  const column = () => all.subarray(end, (end += feasible.length));
  const scores = asked.map(({ plugin, weight }): ScoreColumn => {
    const state = states.get(plugin);
    const raw = column();
    const score = () => {
      if (plugin.signature) return remembered(raw, plugin, state, pod, found, snapshot, memo.scores(plugin));
      for (let i = 0; i < feasible.length; i++) raw[i] = plugin.score!(pod, feasible[i]!, state, snapshot);
      return feasible.length;
    };
    const count = attempt('Score', plugin, score, meter);
    if (meter) meter.evaluations(plugin).Score += count;
    if (!plugin.normalize) return { plugin, weight, raw, normalized: raw };
    const normalized = column();
    normalized.set(raw);
    attempt('ScoreExtensionNormalize', plugin, () => plugin.normalize!(normalized, feasible, state), meter);
    return { plugin, weight, raw, normalized };
  });
  const numbers = all.subarray(0, end);
  const totals = sum(column(), scores);
  meter?.ran('Score');
  return { scores, numbers, totals };
}

/** Each one's raw scores and, where it normalizes them, those. */
export const columnsIn = (asked: readonly { readonly plugin: SchedulerPlugin }[]): number =>
  asked.reduce((count, { plugin }) => count + (plugin.normalize ? 2 : 1), 0);

const preScoreCode = (state: unknown): Code => (state === 'skip' ? 'Skip' : 'Success');

/** Returns how many nodes the plugin was asked for. */
function remembered(
  raw: Float64Array,
  plugin: SchedulerPlugin,
  state: unknown,
  pod: Pod,
  { runs }: { readonly runs: readonly Run[] },
  snapshot: Snapshot,
  memo: Float64Array,
): number {
  let [i, asked] = [0, 0];
  for (const { first, count, refusal } of runs) {
    if (refusal) continue;
    for (let at = first; at < first + count; at++) {
      if (Number.isNaN(memo[at]!)) {
        memo[at] = plugin.score!(pod, snapshot.nodes[at]!, state, snapshot);
        asked++;
      }
      raw[i++] = memo[at]!;
    }
  }
  return asked;
}

function sum(totals: Float64Array, scores: readonly ScoreColumn[]): Float64Array {
  totals.fill(0);
  for (const { normalized, weight } of scores) for (let i = 0; i < totals.length; i++) totals[i]! += normalized[i]! * weight;
  return totals;
}

/** One of the best, by lot. */
export function pick(totals: Float64Array, random: Random): Pick<Decision, 'chosen' | 'best'> {
  let highest = Number.NEGATIVE_INFINITY;
  let best = 0;
  for (let i = 0; i < totals.length; i++) {
    const total = totals[i]!;
    if (total > highest) {
      highest = total;
      best = 0;
    }
    if (total === highest) best++;
  }
  let left = Math.floor(random.next() * best);
  for (let i = 0; i < totals.length; i++) if (totals[i] === highest && left-- === 0) return { chosen: i, best };
  throw new Error('no node has the highest score');
}
