// Whether a container that has ended is started again: by its own rules, its own policy, or its pod's. Pure.
import { isSidecar } from '../../src/kinds/core/podutil.js';
import type { Container, ContainerRestartRule, Pod, PodSpec } from '../../src/kinds/types/core_v1.js';

/** How a container that is killed ends, as far as its restart is concerned. */
export const EXIT_CODE_KILLED = 137;

/** Of a main container; a rule that matches comes before any policy. */
export function restartsAfter(spec: PodSpec, container: Container, exitCode: number): boolean {
  if (!container.restartPolicy) return byPolicy(spec.restartPolicy ?? 'Always', exitCode);
  return (container.restartPolicyRules ?? []).some((rule) => matches(rule, exitCode)) || byPolicy(container.restartPolicy, exitCode);
}

/** Of any container of the pod: init containers run until they succeed, those with `restartPolicy: Always` for ever, ephemeral ones once. */
export function willRestart({ spec }: Pod, { name, exitCode }: { readonly name: string; readonly exitCode: number }): boolean {
  const main = spec.containers.find((container) => container.name === name);
  if (main) return restartsAfter(spec, main, exitCode);
  const init = spec.initContainers?.find((container) => container.name === name);
  return init !== undefined && (isSidecar(init) || (exitCode !== 0 && restartsAfter(spec, init, exitCode)));
}

function byPolicy(policy: string, exitCode: number): boolean {
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

/** `Restart` is the only action there is. */
function matches({ action, exitCodes }: ContainerRestartRule, exitCode: number): boolean {
  if (action !== 'Restart' || !exitCodes) return false;
  const isListed = (exitCodes.values ?? []).includes(exitCode);
  return exitCodes.operator === 'NotIn' ? !isListed : isListed;
}
