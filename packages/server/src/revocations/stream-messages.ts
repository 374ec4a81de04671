import type { RevocationEvent } from '@parley/protocol'
import type { ResourceCaller } from '../contract/operation.ts'
import type { HeldSubject } from '../events/openings.ts'
import type { PublicSigningJwk } from '../tokens/signing-keys.ts'

/**
 * The message of a cut-off.
 *
 * @param afterSeq - between this number and the event there is nothing else of the resource: a
 *   follower that is not as far has missed something.
 */
export function printCutOff(event: RevocationEvent, afterSeq: number): string {
  const data = JSON.stringify({ ...event, after: afterSeq })
  return `id: ${event.seq}\nevent: cut-off\ndata: ${data}\n\n`
}

/** The message that says how far everything was written, and when by this node's own clock. */
export function printHeartbeat(heartbeat: { readonly seq: number; readonly atMs: number }): string {
  return `id: ${heartbeat.seq}\nevent: heartbeat\ndata: ${JSON.stringify(heartbeat)}\n\n`
}

/** The message that begins a stream, and the one that tells of other signing keys. */
export function printKeys(
  event: 'open' | 'keys',
  about: { readonly keys: readonly PublicSigningJwk[]; readonly atMs: number },
): string {
  return `event: ${event}\ndata: ${JSON.stringify(about)}\n\n`
}

/** What a caller's stream depends on. A bearer is looked at again when the stream has its age. */
export function subjectsOfCaller(caller: ResourceCaller): readonly HeldSubject[] {
  const { resourceId, accessKey, credential } = caller
  const resource = { kind: 'resource', resourceId, subject: resourceId, carried: 0 } as const
  if (credential !== undefined) {
    return [resource, { kind: 'part', resourceId, subject: credential.credentialId }]
  }
  if (accessKey === undefined) return [resource]
  const { slot, generation } = accessKey
  return [resource, { kind: 'access-key', resourceId, subject: slot, carried: generation }]
}
