// Names of resources: which are a cluster's own (devices) and not Kubernetes'. Pure.
import { isQualifiedName } from '../../apimachinery/names.js';

/** Of a domain other than Kubernetes', and fit for a quota under `requests.`. */
export const isExtendedResource = (name: string): boolean =>
  /^(?!requests\.)[^/]+\//.test(name) && !/^([^/]*\.)?kubernetes\.io\//.test(name) && isQualifiedName(`requests.${name}`).length === 0;

/** One that not every node has and few pods ask for, in pieces or pages. */
export const isScalarResource = (name: string): boolean => name.startsWith('hugepages-') || isExtendedResource(name);
