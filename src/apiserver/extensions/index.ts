// The kinds whose storage does more than the generic path. Adding one is one file and one line here.
import type { Random } from '../../apimachinery/clock.js';
import type { ApiServerOptions } from '../options.js';
import type { Resources } from '../resources.js';
import { admissionExpressions } from './admission-expressions.js';
import { certificateRequester } from './certificates.js';
import { componentHealth } from './component-statuses.js';
import { definitionCleanup } from './customresourcedefinitions.js';
import type { ResourceExtension } from './extension.js';
import { namespaceFinalizers } from './namespaces.js';
import { rightsOfBindings, rightsOfRoles } from './rbac.js';
import { resourceMetrics } from './resource-metrics.js';
import { serviceAddresses } from './service-addresses.js';
import { ServiceRanges } from './service-ranges.js';
import { serviceClaims } from './services.js';

/** `resources` is asked later: it is made with these. */
export function resourceExtensions(options: ApiServerOptions, random: Random, resources: () => Resources): readonly ResourceExtension[] {
  const ranges = new ServiceRanges(options.serviceCidr, resources);
  return [
    namespaceFinalizers,
    serviceClaims(options, random, ranges),
    serviceAddresses,
    certificateRequester,
    componentHealth(options),
    ...resourceMetrics(),
    ...rightsOfRoles,
    ...rightsOfBindings,
    definitionCleanup,
    ...admissionExpressions,
  ] as readonly ResourceExtension[];
}
