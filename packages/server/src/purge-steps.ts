/**
 * What a deleted resource leaves behind, by room, in the order in which it is deleted: what refers
 * to something before what it refers to. A room whose rows belong to a resource adds its step here;
 * the test of the purge reads the catalogue and names the table that has none.
 */
import { callPurges } from './calls/purge.ts'
import { chatPurges } from './chat/purge.ts'
import { endpointPurge, noticePurge } from './chat/realtime/purge.ts'
import { assignmentPurge } from './exchanges/purge.ts'
import { identityPurge } from './identities/purge.ts'
import { phonePurges } from './phones/purge.ts'
import { relayPolicyPurge, relayUserPurge } from './relays/purge.ts'
import type { PurgeStep } from './resources/purge.ts'
import { credentialPurge } from './revocations/credential-store.ts'
import { roomParticipantPurge, roomPurge } from './rooms/purge.ts'
import { tokenPurge } from './tokens/purge.ts'

/** The steps of every room. Access keys have none: two rows at most, gone with their resource. */
export const purgeSteps: readonly PurgeStep[] = [
  ...chatPurges,
  noticePurge,
  endpointPurge,
  ...callPurges,
  relayUserPurge,
  relayPolicyPurge,
  ...phonePurges,
  roomParticipantPurge,
  roomPurge,
  tokenPurge,
  assignmentPurge,
  credentialPurge,
  identityPurge,
]
