import { ok, type Result } from '@parley/protocol'
import { Type } from '@sinclair/typebox'
import type { Fault } from '../contract/faults.ts'
import { instantSchema, printInstant } from '../contract/fields.ts'
import {
  type EntraUserCall,
  entraUserOperation,
  type Operation,
  resourceOperation,
} from '../contract/operation.ts'
import { type ApiVersion, isInRange } from '../contract/versions.ts'
import {
  type ExchangedToken,
  type Exchanger,
  exchangeForPerson,
  exchangeForTeamsUser,
} from './exchange.ts'
import type { AssignmentFamily } from './model.ts'

/** @source ACS Identity, `CommunicationIdentityAccessToken`. */
const accessTokenSchema = Type.Object({ token: Type.String(), expiresOn: instantSchema })

/** @source ACS Identity 2025-03-02-preview, `CommunicationIdentityAccessTokenResult`. */
const exchangedSchema = Type.Object({
  identity: Type.Object({
    id: Type.String({ description: '8:acs:<resource>_<id>' }),
    customId: Type.Optional(Type.String({ description: 'Never there: no app named it.' })),
    lastTokenIssuedAt: Type.Optional(instantSchema),
  }),
  accessToken: Type.Optional(accessTokenSchema),
})

const entraPreview = { since: '2025-03-02-preview', until: '2025-03-02-preview' } as const

const exchangedReply = {
  status: 200,
  schema: exchangedSchema,
  fieldVersions: {
    'identity.customId': entraPreview,
    'identity.lastTokenIssuedAt': entraPreview,
  },
  isSecret: true,
} as const

/** Everything the exchange has to know stands in the Entra token; clients send `{}`. */
const nothingToSay = Type.Object({})

const token = Type.String({ description: 'Entra token of the Teams user.' })
const appId = Type.String({ description: 'The application that the token must be issued to.' })
const userId = Type.String({ description: 'The person whose token it must be.' })
const compared = { since: '2022-06-01' } as const
const teamsUserSchema = Type.Object({ token, appId, userId })

/** In the previews nothing is compared, and whoever asks for it is told so. */
const teamsTokenBody = {
  schema: Type.Object({ token, appId: Type.Optional(appId), userId: Type.Optional(userId) }),
  isRequired: true,
  fieldVersions: { appId: compared, userId: compared },
} as const

const teamsUserPlace = {
  method: 'POST',
  path: '/teamsUser/:exchangeAccessToken',
  rate: 'token-exchange',
} as const
const teamsUserReply = { status: 200, schema: accessTokenSchema, isSecret: true } as const

/** The operations that exchange Entra tokens for access tokens. */
export function exchangeOperations(world: Exchanger): readonly Operation[] {
  const forPerson = (family: AssignmentFamily) => async (call: EntraUserCall<object>) => {
    const { caller, nowMs, version } = call
    return printExchanged(await exchangeForPerson(world, { family, caller, nowMs }), version)
  }
  return [
    entraUserOperation({
      id: 'EntraIdToken_Exchange',
      summary: 'Exchanges the Entra token of a person for an access token.',
      method: 'POST',
      path: '/access/entra/:exchangeAccessToken',
      versions: entraPreview,
      rate: 'token-exchange',
      body: { schema: nothingToSay, isRequired: false },
      reply: exchangedReply,
      handle: forPerson('entra'),
    }),
    entraUserOperation({
      id: 'TeamsExtensionToken_Exchange',
      summary: 'Exchanges the Entra token of a person who extends Teams for an access token.',
      method: 'POST',
      path: '/access/teamsExtension/:exchangeAccessToken',
      versions: { since: '2025-03-02-preview' },
      rate: 'token-exchange',
      body: { schema: nothingToSay, isRequired: false },
      reply: exchangedReply,
      handle: forPerson('teamsExtension'),
    }),
    resourceOperation({
      ...teamsUserPlace,
      id: 'CommunicationIdentity_ExchangeTeamsUserAccessToken',
      summary: 'Exchanges the Entra token of a Teams user for an access token.',
      versions: compared,
      body: { schema: teamsUserSchema, isRequired: true },
      reply: teamsUserReply,
      handle: async ({ caller, nowMs, body: request }) =>
        printToken(await exchangeForTeamsUser(world, { caller, request, nowMs })),
    }),
    resourceOperation({
      ...teamsUserPlace,
      id: 'CommunicationIdentity_ExchangeTeamsUserToken',
      summary: 'Exchanges the Entra token of a Teams user for an access token (previews).',
      versions: { since: '2021-03-31-preview1', until: '2021-11-01' },
      body: teamsTokenBody,
      reply: teamsUserReply,
      handle: async ({ caller, nowMs, body: request }) =>
        printToken(await exchangeForTeamsUser(world, { caller, request, nowMs })),
    }),
  ]
}

function printExchanged(
  exchanged: Result<ExchangedToken, Fault>,
  version: ApiVersion,
): Result<unknown, Fault> {
  const token = printToken(exchanged)
  if (!exchanged.ok || !token.ok) return token
  const { identity: id, issuedAtMs } = exchanged.value
  const isPreview = isInRange(version, entraPreview)
  const identity = isPreview ? { id, lastTokenIssuedAt: printInstant(issuedAtMs) } : { id }
  return ok({ identity, accessToken: token.value })
}

function printToken(exchanged: Result<ExchangedToken, Fault>): Result<unknown, Fault> {
  if (!exchanged.ok) return exchanged
  const { token, expiresAtMs } = exchanged.value.issued
  return ok({ token, expiresOn: printInstant(expiresAtMs) })
}
