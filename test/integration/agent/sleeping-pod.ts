// A pod of one container that only sleeps, for tests of what is around it.
import type { Draft } from '../../../src/apimachinery/json.js';
import type { Container, PodSpec } from '../../../src/kinds/types/core_v1.js';

export interface Wish extends Omit<Draft<PodSpec>, 'containers'> {
  /** More of its one container. */
  readonly container?: Draft<Container>;
}

export const sleeping = ({ container = {}, ...spec }: Wish): Draft<PodSpec> => ({
  ...spec,
  containers: [{ name: 'main', command: ['sleep', '1000'], ...container }],
});
