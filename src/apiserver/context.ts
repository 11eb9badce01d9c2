// ApiContext: what filters, admission plugins and handlers have to work with.
import type { Clock, Random } from '../apimachinery/clock.js';
import type { Logger } from '../apimachinery/logger.js';
import type { Admission } from './admission/admission.js';
import type { TokenAuthenticator } from './authentication/authenticator.js';
import type { Authorizer } from './authorization/authorizer.js';
import type { CustomResourceDefinitions } from './customresources/definitions.js';
import type { ExternalApis } from './external-apis.js';
import type { ApiServerOptions } from './options.js';
import type { Policies } from './policies/index.js';
import type { Resources } from './resources.js';
import type { Webhooks } from './webhooks/index.js';

export interface ApiContext {
  readonly options: ApiServerOptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly resources: Resources;
  readonly definitions: CustomResourceDefinitions;
  readonly externalApis: ExternalApis;
  readonly tokens: TokenAuthenticator;
  readonly authorizer: Authorizer;
  readonly admission: Admission;
  readonly webhooks: Webhooks;
  readonly policies: Policies;
}
