// Checks that the kinds of storage.k8s.io share: drivers' names and parameters.
import { type FieldError, invalid, required, tooLong } from '../../apimachinery/field.js';
import { isDns1123Subdomain, isQualifiedName } from '../../apimachinery/names.js';
import { invalids } from '../checks.js';

const MAX_PARAMETERS = 512;
const MAX_PARAMETERS_bytes = 256 * 1024;
/** A CSI driver's name is part of paths and labels. */
const MAX_DRIVER_NAME_bytes = 63;

export function checkProvisioner(field: string, provisioner: string): FieldError[] {
  return provisioner ? invalids(field, provisioner.toLowerCase(), isQualifiedName(provisioner.toLowerCase())) : [required(field)];
}

export function checkParameters(field: string, parameters: { readonly [key: string]: string }): FieldError[] {
  const entries = Object.entries(parameters);
  if (entries.length > MAX_PARAMETERS) return [tooLong(field, MAX_PARAMETERS)];
  const size_bytes = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  return [
    ...(entries.some(([key]) => key === '') ? [invalid(field, '', 'field can not be empty.')] : []),
    ...(size_bytes > MAX_PARAMETERS_bytes ? [tooLong(field, MAX_PARAMETERS_bytes)] : []),
  ];
}

export function checkDriverName(field: string, name: string): FieldError[] {
  if (!name) return [required(field)];
  return [
    ...(name.length > MAX_DRIVER_NAME_bytes ? [tooLong(field, MAX_DRIVER_NAME_bytes)] : []),
    ...invalids(field, name, isDns1123Subdomain(name.toLowerCase())),
  ];
}
