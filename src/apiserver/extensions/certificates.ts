// A certificate signing request says who made it, which is not for its maker to say.
import { certificateSigningRequests } from '../../kinds/certificates/certificatesigningrequest.js';
import type { CertificateSigningRequest } from '../../kinds/types/certificates_v1.js';
import type { ResourceExtension } from './extension.js';

export const certificateRequester: ResourceExtension<CertificateSigningRequest> = {
  kind: certificateSigningRequests,
  prepareForCreate(draft, user) {
    const { uid: _uid, extra: _extra, ...spec } = draft.spec;
    const { name: username, uid, groups, extra } = user;
    const more = { ...(uid && { uid }), ...(extra && { extra: structuredClone(extra) as { [key: string]: string[] } }) };
    draft.spec = { ...spec, username, groups: [...groups], ...more };
  },
};
