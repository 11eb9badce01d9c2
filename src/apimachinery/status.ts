// Status errors: every failure of an API request as meta/v1 Status, with upstream's reasons, codes and wording.
import type { FieldError } from './field.js';

export interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

/** meta/v1 Status as it goes over the wire. */
export interface Status {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  readonly metadata: object;
  readonly status: 'Success' | 'Failure';
  readonly message?: string;
  readonly reason?: string;
  readonly details?: StatusDetails;
  readonly code: number;
}

/** The group and plural resource that an error is about. */
export interface GroupResource {
  readonly group: string;
  readonly resource: string;
}

/** The one error that API handlers throw and clients reject with; anything else is a programming error (500). */
export class StatusError extends Error {
  override readonly name = 'StatusError';
  constructor(
    readonly code: number,
    readonly reason: string,
    message: string,
    readonly details?: StatusDetails,
    /** The ListMeta of the Status: how a list may go on in spite of the error. */
    readonly metadata: { readonly continue?: string } = {},
  ) {
    super(message);
  }

  toStatus(): Status {
    const base = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: this.metadata,
      status: 'Failure',
      message: this.message,
      reason: this.reason,
    } as const;
    return this.details ? { ...base, details: this.details, code: this.code } : { ...base, code: this.code };
  }

  static fromStatus(status: Partial<Status>, httpCode: number): StatusError {
    return new StatusError(
      status.code ?? httpCode,
      status.reason ?? 'Unknown',
      status.message ?? `the server answered ${httpCode}`,
      status.details,
    );
  }
}

export const isStatus = (error: unknown, reason: string): error is StatusError => error instanceof StatusError && error.reason === reason;

const qualified = ({ group, resource }: GroupResource) => (group ? `${resource}.${group}` : resource);
const about = ({ group, resource }: GroupResource, name: string): StatusDetails => ({ name, ...(group ? { group } : {}), kind: resource });

export const badRequest = (message: string) => new StatusError(400, 'BadRequest', message);

export const unauthorized = (message = 'Unauthorized') => new StatusError(401, 'Unauthorized', message);

export const forbiddenRequest = (what: GroupResource, name: string, why: string) =>
  new StatusError(403, 'Forbidden', `${qualified(what)}${name ? ` ${JSON.stringify(name)}` : ''} is forbidden: ${why}`, about(what, name));

export const notFound = (what: GroupResource, name: string) =>
  new StatusError(404, 'NotFound', `${qualified(what)} "${name}" not found`, about(what, name));

/** For a path that names no resource. */
export const noSuchPath = () => new StatusError(404, 'NotFound', 'the server could not find the requested resource', {});

export const methodNotAllowed = (what: GroupResource, verb: string) =>
  new StatusError(405, 'MethodNotAllowed', `${verb} is not supported on resources of kind "${qualified(what)}"`, about(what, ''));

/** For a method that no path has. */
export const noSuchMethod = () =>
  new StatusError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});

export const notAcceptable = (accepted: readonly string[]) =>
  new StatusError(406, 'NotAcceptable', `only the following media types are accepted: ${accepted.join(', ')}`);

export const alreadyExists = (what: GroupResource, name: string) =>
  new StatusError(409, 'AlreadyExists', `${qualified(what)} "${name}" already exists`, about(what, name));

export const conflict = (
  what: GroupResource,
  name: string,
  why = 'the object has been modified; please apply your changes to the latest version and try again',
) => new StatusError(409, 'Conflict', `Operation cannot be fulfilled on ${qualified(what)} "${name}": ${why}`, about(what, name));

/** A resourceVersion or continue token older than what is kept. */
export const expired = (message: string, continueToken?: string) =>
  new StatusError(410, 'Expired', message, undefined, continueToken ? { continue: continueToken } : {});

export const tooLarge = (limit_bytes: number) =>
  new StatusError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${limit_bytes}`);

export const unsupportedMediaType = (accepted: readonly string[]) =>
  new StatusError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );

/** All causes at once; `kind` is the CamelCase kind. */
export function invalidObject(group: string, kind: string, name: string, errors: readonly FieldError[]): StatusError {
  const lines = [...new Set(errors.map((e) => `${e.field}: ${e.message}`))];
  const qualifiedKind = group ? `${kind}.${group}` : kind;
  return new StatusError(
    422,
    'Invalid',
    `${qualifiedKind} "${name}" is invalid: ${lines.length === 1 ? lines[0] : `[${lines.join(', ')}]`}`,
    {
      name,
      ...(group ? { group } : {}),
      kind,
      causes: errors.map(({ reason, message, field }) => ({ reason, message, field })),
    },
  );
}

export const tooManyRequests = (message: string, retryAfter_s: number) =>
  new StatusError(429, 'TooManyRequests', message, { retryAfterSeconds: retryAfter_s });

export const internalError = (why: string) =>
  new StatusError(500, 'InternalError', `Internal error occurred: ${why}`, { causes: [{ message: why }] });

export const serviceUnavailable = (message: string) => new StatusError(503, 'ServiceUnavailable', message);

export const timeout = (message: string, retryAfter_s = 0) => new StatusError(504, 'Timeout', message, { retryAfterSeconds: retryAfter_s });
