import { Type } from '@sinclair/typebox'
import { absentable, instantSchema } from '../contract/fields.ts'
import { type Operation, resourceOperation } from '../contract/operation.ts'
import { createVoiding, type VoidingRoom } from '../identities/voiding.ts'
import { cutOffGenerations } from './store.ts'

const noBody = Type.Object({}, { additionalProperties: false })

const tokensValidFromSchema = Type.Object(
  { tokensValidFrom: absentable(instantSchema) },
  { additionalProperties: false },
)

const revokeId = 'CommunicationIdentity_RevokeAccessTokens'
const updateId = 'CommunicationIdentity_Update'

/** The operations that void the tokens of an identity. */
export function revocationOperations(room: VoidingRoom): readonly Operation[] {
  const revoke = createVoiding(room, { cutOff: cutOffGenerations, isOnce: false })
  return [
    resourceOperation({
      id: revokeId,
      summary: 'Voids every access token issued to an identity so far.',
      method: 'POST',
      path: '/identities/{id}/:revokeAccessTokens',
      versions: { since: '2021-02-22-preview1' },
      rate: 'token-revoke',
      body: { schema: noBody, isRequired: false },
      reply: { status: 204 },
      handle: (call) => revoke(call, revokeId),
    }),
    // The first preview asked for an instant. Whatever it is, everything issued so far is voided:
    // instants of two clocks do not decide about revocation here (docs/divergences.md).
    resourceOperation({
      id: updateId,
      summary: 'Voids every access token issued to an identity so far (first preview).',
      method: 'PATCH',
      path: '/identities/{id}',
      versions: { since: '2020-07-20-preview2', until: '2020-07-20-preview2' },
      rate: 'token-revoke',
      body: { schema: tokensValidFromSchema, isRequired: false, acceptsMergePatch: true },
      reply: { status: 204 },
      handle: (call) => revoke(call, updateId),
    }),
  ]
}
