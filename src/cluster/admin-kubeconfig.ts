// The text of a kubeconfig of our own making: the control plane writes its admin's at each start, and loads no YAML library for it.
export interface Credentials {
  /** `https://host:6443`. */
  readonly server: string;
  /** PEM, all three. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** A kubeconfig with one context, cluster and user, all called `name`. */
export function makeKubeconfig(name: string, { server, ca, cert, key }: Credentials): string {
  return [
    'apiVersion: v1',
    'kind: Config',
    'clusters:',
    `- name: ${name}`,
    '  cluster:',
    `    server: ${server}`,
    `    certificate-authority-data: ${encode(ca)}`,
    'users:',
    `- name: ${name}`,
    '  user:',
    `    client-certificate-data: ${encode(cert)}`,
    `    client-key-data: ${encode(key)}`,
    'contexts:',
    `- name: ${name}`,
    '  context:',
    `    cluster: ${name}`,
    `    user: ${name}`,
    `current-context: ${name}`,
    '',
  ].join('\n');
}

const encode = (pem: string) => Buffer.from(pem).toString('base64');
