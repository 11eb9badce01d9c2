// Probe: asks an aggregated API server whether it is there, and for its discovery and OpenAPI documents.
import { isJsonObject, type JsonObject } from '../../apimachinery/json.js';
import { StatusError } from '../../apimachinery/status.js';
import type { APIService } from '../../kinds/types/apiregistration_v1.js';
import { GROUP_MASTERS } from '../../kinds/wellknown.js';
import type { ApiContext } from '../context.js';
import type { ExternalApi, ExternalOpenApi, ExternalResource } from '../external-apis.js';
import type { ReverseProxy } from '../http/reverse-proxy.js';
import { stateOfService } from '../service-address.js';
import { resourcesOfDiscovery, resourcesOfList } from './discovery.js';
import { serviceOf, targetFor } from './target.js';

const CHECKER = { name: 'system:kube-aggregator', groups: [GROUP_MASTERS] };
const AGGREGATED = ['v2', 'v2beta1'].map((version) => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`);

export interface Condition {
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

export interface ProbeResult {
  readonly condition: Condition;
  /** What discovery and OpenAPI are to show. */
  readonly api: ExternalApi;
}

export class Probe {
  constructor(
    private readonly context: ApiContext,
    private readonly proxy: ReverseProxy,
  ) {}

  async run(service: APIService): Promise<ProbeResult> {
    const { group = '', version = '', groupPriorityMinimum, versionPriority } = service.spec;
    const base = { group, version, groupPriorityMinimum, versionPriority };
    const missing = await this.#missing(service);
    if (missing) return { condition: missing, api: base };
    try {
      const list = await this.#check(service);
      const resources = (await this.#discovery(service)) ?? resourcesOfList(list, group, version);
      const openApi = await this.#openApi(service);
      const condition = { status: 'True', reason: 'Passed', message: 'all checks passed' } as const;
      return { condition, api: { ...base, resources, ...(openApi ? { openApi } : {}) } };
    } catch (error) {
      if (!(error instanceof ProbeError)) throw error;
      return { condition: { status: 'False', reason: 'FailedDiscoveryCheck', message: error.message }, api: base };
    }
  }

  async #missing(service: APIService): Promise<Condition | undefined> {
    const reference = serviceOf(service);
    const { problem, portName } = await stateOfService(this.context.resources, reference);
    if (!problem) return undefined;
    const what = `service/${reference.name} in ${JSON.stringify(reference.namespace)}`;
    const message = {
      ServiceNotFound: `${what} is not present`,
      ServicePortError: `${what} is not listening on port ${reference.port}`,
      EndpointsNotFound: `cannot find endpointslices for ${what}`,
      MissingEndpoints: `endpointslices for ${what} have no addresses with port name ${JSON.stringify(portName)}`,
    }[problem];
    return { status: 'False', reason: problem, message };
  }

  /** The plain list of the group version's resources: what every API server has. */
  async #check(service: APIService): Promise<JsonObject> {
    const { group, version } = service.spec;
    const { code, json, url } = await this.#get(service, `/apis/${group}/${version}`, 'application/json');
    if (code >= 200 && code < 300 && json) return json;
    throw new ProbeError(url, `bad status from ${url}: ${code}`);
  }

  async #discovery(service: APIService): Promise<readonly ExternalResource[] | undefined> {
    const { group = '', version = '' } = service.spec;
    const { code, json } = await this.#get(service, '/apis', [...AGGREGATED, 'application/json'].join(','));
    return code === 200 && json?.['kind'] === 'APIGroupDiscoveryList' ? resourcesOfDiscovery(json, group, version) : undefined;
  }

  async #openApi(service: APIService): Promise<ExternalOpenApi | undefined> {
    const { code, json } = await this.#get(service, '/openapi/v3', 'application/json');
    const paths = code === 200 ? json?.['paths'] : undefined;
    const entry = isJsonObject(paths) ? paths[`apis/${service.spec.group}/${service.spec.version}`] : undefined;
    const url = isJsonObject(entry) ? entry['serverRelativeURL'] : undefined;
    if (typeof url !== 'string') return undefined;
    const hash = new URL(url, 'https://server').searchParams.get('hash') ?? url;
    return { hash, document: async () => (await this.#get(service, url, 'application/json')).bytes };
  }

  async #get(
    service: APIService,
    path: string,
    accept: string,
  ): Promise<{ code: number; bytes: Buffer; json: JsonObject | undefined; url: string }> {
    let url = path;
    try {
      const target = await targetFor(this.context, service, CHECKER, path);
      url = `https://${target.host}:${target.port}${path}`;
      const { code, bytes } = await this.proxy.fetch('GET', { accept }, undefined, target);
      return { code, bytes, json: parse(bytes), url };
    } catch (error) {
      const why = error instanceof Error ? error.message.replace(/^error trying to reach service: /, '') : String(error);
      if (error instanceof StatusError) throw new ProbeError(url, `Get ${JSON.stringify(url)}: ${why}`);
      throw new ProbeError(url, why);
    }
  }
}

class ProbeError extends Error {
  constructor(url: string, why: string) {
    super(`failing or missing response from ${url}: ${why}`);
  }
}

function parse(bytes: Buffer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return isJsonObject(value) ? value : undefined;
  } catch {
    // No JSON: whoever asked looks at the code and finds nothing.
    return undefined;
  }
}
