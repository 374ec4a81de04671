import { fail, ok, type Result } from '@parley/protocol'
import type { Fault, RefusalReason } from '../contract/faults.ts'
import type { ResourceCaller } from '../contract/operation.ts'
import type { ResourceDirectory } from '../resources/directory.ts'
import { credentialPrefix } from '../revocations/credential-model.ts'
import type { CheckCredential } from '../revocations/credentials.ts'
import type { Place } from './place.ts'

/** Says whether a bearer means to be the credential of a verifier. */
export function isVerifierCredential(token: string): boolean {
  return token.startsWith(credentialPrefix)
}

/**
 * Decides about a verifier that came with a credential: it names its resource, and where the host
 * names one too, both must be the same. Where a resource takes no secrets of its own any more
 * (`disableLocalAuth`), it takes none of these.
 */
export async function authenticateVerifier(
  asked: { readonly token: string; readonly place: Place; readonly nowMs: number },
  world: {
    readonly checkCredential: CheckCredential
    readonly resources: Pick<ResourceDirectory, 'find'>
  },
): Promise<Result<ResourceCaller, Fault>> {
  const { token, place, nowMs } = asked
  const checked = await world.checkCredential(token, nowMs)
  if (place.kind === 'nowhere') return refuse('host-unknown')
  if (!checked.ok) return refuse(checked.fault)
  const { resourceId, ...credential } = checked.value
  if (place.kind === 'resource' && place.resource.resourceId !== resourceId) {
    return refuse('credential-unknown')
  }
  const resource = world.resources.find(resourceId)
  if (resource === undefined) return refuse('resource-deleted')
  if (resource.isLocalAuthDisabled) return refuse('local-auth-disabled')
  if (!resource.isSubscriptionEnabled) return refuse('subscription-disabled')
  const actor = `verifier-credential/${credential.credentialId}`
  return ok({ resourceId, accessKey: undefined, actor, credential })
}

function refuse(reason: RefusalReason): Result<never, Fault> {
  return fail({ kind: 'caller-refused', reason })
}
