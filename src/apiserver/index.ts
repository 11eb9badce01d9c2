// The API server's door: createApiServer and the types to wire it up with.
export type { ApiServer, ApiServerOptions, AuditOptions, Component, UserInfo } from './options.js';
export { createApiServer } from './server.js';
