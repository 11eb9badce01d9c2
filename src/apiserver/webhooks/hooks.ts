// The webhooks that are configured, in the order in which they are asked: by configuration, then as each lists them.
import type { Webhook, WebhookConfiguration } from '../../kinds/admissionregistration/webhook.js';
import { RequestMatcher } from '../admission/matching.js';
import { MatchConditions } from '../policies/match-conditions.js';

export interface Hook {
  /** Tells apart webhooks of the same name in several configurations. */
  readonly uid: string;
  readonly webhook: Webhook;
  readonly matcher: RequestMatcher;
  readonly conditions: MatchConditions;
}

export function hooksOf(configurations: readonly WebhookConfiguration[]): readonly Hook[] {
  const byName = [...configurations].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  return byName.flatMap(({ metadata, webhooks = [] }) =>
    webhooks.map((webhook) => {
      const { rules = [], matchPolicy, namespaceSelector, objectSelector } = webhook;
      const matcher = new RequestMatcher({ rules, matchPolicy, namespaceSelector, objectSelector });
      const conditions = new MatchConditions(webhook.matchConditions ?? []);
      return { uid: `${metadata.name}/${webhook.name}`, webhook, matcher, conditions };
    }),
  );
}
