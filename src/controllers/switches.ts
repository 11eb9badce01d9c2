// enabledControllers: which controllers `--controllers` switches on, by upstream's names and rules.
import type { ControllerDefinition } from './define.js';

/** Names that upstream's controllers had before they all ended in `-controller`, and its names for those that we call by their flags. */
const ALIASES: { readonly [alias: string]: string } = {
  endpoint: 'endpoints',
  podgc: 'pod-garbage-collector',
  garbagecollector: 'garbage-collector',
  horizontalpodautoscaling: 'horizontal-pod-autoscaler',
  bootstrapsigner: 'bootstrap-signer',
  tokencleaner: 'token-cleaner',
  nodeipam: 'node-ipam',
  nodelifecycle: 'node-lifecycle',
  'root-ca-cert-publisher': 'root-ca-certificate-publisher',
  'certificatesigningrequest-approving-controller': 'csrapproving',
  'certificatesigningrequest-signing-controller': 'csrsigning',
  'certificatesigningrequest-cleaner-controller': 'csrcleaner',
  'persistentvolumeclaim-protection-controller': 'pvc-protection',
  'persistentvolume-protection-controller': 'pv-protection',
  endpointslicemirroring: 'endpointslice-mirroring',
  'legacy-service-account-token-cleaner': 'legacy-serviceaccount-token-cleaner',
};

const SUFFIX = '-controller';

/** As upstream's: `*` leaves them out, since they are only of use where nodes join by tokens. */
const OFF_BY_DEFAULT: ReadonlySet<string> = new Set(['bootstrap-signer', 'token-cleaner']);

/** What runs where nothing is said: nodes join by tokens here, so that these are on as kubeadm has them. */
export const DEFAULT_CONTROLLERS: readonly string[] = ['*', ...OFF_BY_DEFAULT];

/**
 * `*` is all that are on by default, `name` one, `-name` all but that one: the first that is about a controller counts, as upstream. Throws an Error that names
 * the flag where a name is no controller's.
 */
export function enabledControllers(all: readonly ControllerDefinition[], wanted: readonly string[]): readonly ControllerDefinition[] {
  const known = new Set(all.map(({ name }) => name));
  const switches = wanted.map((text) => {
    const off = text.startsWith('-');
    const given = off ? text.slice(1) : text;
    const short = given.endsWith(SUFFIX) ? given.slice(0, -SUFFIX.length) : given;
    const name = [given, short, ALIASES[given], ALIASES[short]].find((each) => each === '*' || (each !== undefined && known.has(each)));
    if (name === undefined) throw new Error(`--controllers: ${JSON.stringify(given)} is not in the list of known controllers`);
    return { name, on: !off };
  });
  const star = switches.some(({ name, on }) => name === '*' && on);
  return all.filter(
    (controller) => switches.find(({ name }) => name === controller.name)?.on ?? (star && !OFF_BY_DEFAULT.has(controller.name)),
  );
}
