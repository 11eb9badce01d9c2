// Query parameters as Kubernetes' clients write them.

export const flag = (query: URLSearchParams, ...names: readonly string[]) =>
  names.some((name) => ['1', 'true'].includes((query.get(name) ?? '').toLowerCase()));
