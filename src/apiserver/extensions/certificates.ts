// A certificate signing request says who made it, which is not for its maker to say.
import { certificateSigningRequests } from '../../kinds/certificates/certificatesigningrequest.js';
import type { CertificateSigningRequest } from '../../kinds/types/certificates_v1.js';
import type { ResourceExtension } from './extension.js';

export const certificateRequester: ResourceExtension<CertificateSigningRequest> = {
  kind: certificateSigningRequests,
  prepareForCreate(draft, user) {
    const { uid: _uid, extra: _extra, ...spec } = draft.spec;
    draft.spec = { ...spec, username: user.name, groups: [...user.groups] };
  },
};
