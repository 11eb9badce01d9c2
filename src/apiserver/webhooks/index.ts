// Webhooks: what an API server keeps for calling admission webhooks: their configurations, connections and metrics.
import type { Clock, Random } from '../../apimachinery/clock.js';
import { mutatingWebhookConfigurations } from '../../kinds/admissionregistration/mutatingwebhookconfiguration.js';
import { validatingWebhookConfigurations } from '../../kinds/admissionregistration/validatingwebhookconfiguration.js';
import { CacheView } from '../cache-view.js';
import type { Resources } from '../resources.js';
import { addressOfService } from '../service-address.js';
import { WebhookClient } from './client.js';
import { hooksOf } from './hooks.js';
import { WebhookMetrics } from './metrics.js';

export class Webhooks {
  readonly mutating;
  readonly validating;
  /** Also for the webhooks of custom resources' conversions. */
  readonly client: WebhookClient;
  readonly metrics = new WebhookMetrics();

  constructor({ resources, clock, random }: { readonly resources: Resources; readonly clock: Clock; readonly random: Random }) {
    this.mutating = new CacheView(resources, mutatingWebhookConfigurations, hooksOf);
    this.validating = new CacheView(resources, validatingWebhookConfigurations, hooksOf);
    this.client = new WebhookClient({ clock, resolve: (service) => addressOfService({ resources, random }, service) });
  }

  close(): void {
    this.client.close();
  }
}
