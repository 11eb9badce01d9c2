// The ranges that cluster IPs are taken from: the one that the server was started with, and those of the ServiceCIDRs that are ready.
import { type Cidr, parseCidr, requireCidr } from '../../apimachinery/cidr.js';
import { serviceCidrs } from '../../kinds/networking/servicecidr.js';
import type { ServiceCIDR } from '../../kinds/types/networking_v1.js';
import { CacheView } from '../cache-view.js';
import type { Resources } from '../resources.js';

export class ServiceRanges {
  readonly #own: Cidr;
  #view: CacheView<ServiceCIDR, readonly Cidr[]> | undefined;

  /** Throws for a range that cannot be read: an error of the operator's. */
  constructor(
    text: string,
    private readonly resources: () => Resources,
  ) {
    this.#own = requireCidr(text);
  }

  /** Resolves once all are known; undefined where they are. */
  load(): Promise<unknown> | undefined {
    this.#view ??= new CacheView(this.resources(), serviceCidrs, (all) => this.#rangesOf(all));
    const known = this.#view.get();
    return known instanceof Promise ? known : undefined;
  }

  /** The server's own first. */
  get all(): readonly Cidr[] {
    const known = this.#view?.get();
    return known && !(known instanceof Promise) ? known : [this.#own];
  }

  #rangesOf(objects: readonly ServiceCIDR[]): readonly Cidr[] {
    const more = objects.filter(isReady).flatMap(({ spec }) => (spec.cidrs ?? []).map(parseCidr));
    return [this.#own, ...more.filter((cidr): cidr is Cidr => cidr !== undefined && cidr.text !== this.#own.text)];
  }
}

const isReady = ({ metadata, status }: ServiceCIDR) =>
  metadata.deletionTimestamp === undefined &&
  (status?.conditions ?? []).some(({ type, status: value }) => type === 'Ready' && value === 'True');
