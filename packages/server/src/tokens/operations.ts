import { fail, ok, parseIdentityName, type Result } from '@parley/protocol'
import { Type } from '@sinclair/typebox'
import type { Fault } from '../contract/faults.ts'
import {
  absentable,
  instantSchema,
  lifetimeRules,
  printInstant,
  scopeRules,
} from '../contract/fields.ts'
import {
  type Operation,
  PrintedJson,
  type ResourceCall,
  type ResourceCaller,
  resourceOperation,
} from '../contract/operation.ts'
import type { IdentityVersion } from '../contract/versions.ts'
import type { CreateCall, TokenTicket } from '../identities/operations.ts'
import type { IssuedToken, IssueToken } from './issue.ts'
import { deviceHeader, grantedScopes, parseDevice, tokenTerms, tokenWindow } from './model.ts'

/** Asks for a token. @source ACS Identity, `CommunicationIdentityAccessTokenRequest`. */
const tokenRequestSchema = Type.Object(
  {
    scopes: absentable(Type.Array(Type.String(), { maxItems: 32 })),
    expiresInMinutes: absentable(Type.Integer()),
  },
  { additionalProperties: false },
)

/** An issued token on the wire. @source ACS Identity, `CommunicationIdentityAccessToken`. */
const accessTokenSchema = Type.Object({
  token: Type.String(),
  expiresOn: instantSchema,
})

/** The wire form of an issued token. */
function printIssuedToken(issued: IssuedToken): { token: string; expiresOn: string } {
  return { token: issued.token, expiresOn: printInstant(issued.expiresAtMs) }
}

/**
 * The reply of an issue as text. Neither a compact JWS nor an instant has a character that JSON
 * escapes, and looking for one in 900 characters takes longer than printing the rest.
 */
function printTokenReply(issued: IssuedToken): PrintedJson {
  const expiresOn = printInstant(issued.expiresAtMs)
  return new PrintedJson(`{"token":"${issued.token}","expiresOn":"${expiresOn}"}`)
}

const tokenBody = {
  schema: tokenRequestSchema,
  isRequired: false,
  fieldVersions: { expiresInMinutes: { since: '2022-10-01' } },
  judged: (version: IdentityVersion) => ({
    scopes: { ...scopeRules(version), isRequired: true },
    expiresInMinutes: lifetimeRules,
  }),
} as const

/** The operations that issue tokens to an identity that exists. */
export function tokenOperations(issueToken: IssueToken): readonly Operation[] {
  return [
    resourceOperation({
      id: 'CommunicationIdentity_IssueAccessToken',
      summary: 'Issues an access token to an identity.',
      method: 'POST',
      path: '/identities/{id}/:issueAccessToken',
      versions: { since: '2021-02-22-preview1' },
      rate: 'token-issue',
      body: tokenBody,
      reply: { status: 200, schema: accessTokenSchema, isSecret: true },
      handle: async (call) => {
        const issued = await issueTo({ ...call, id: call.params['id'] }, issueToken)
        return issued.ok ? ok(printTokenReply(issued.value)) : issued
      },
    }),
    resourceOperation({
      id: 'CommunicationIdentity_IssueToken',
      summary: 'Issues an access token to an identity (first preview).',
      method: 'POST',
      path: '/identities/{id}/token',
      versions: { since: '2020-07-20-preview2', until: '2020-07-20-preview2' },
      rate: 'token-issue',
      body: tokenBody,
      reply: {
        status: 200,
        schema: Type.Composite([Type.Object({ id: Type.String() }), accessTokenSchema]),
        isSecret: true,
      },
      handle: async (call) => {
        const issued = await issueTo({ ...call, id: call.params['id'] }, issueToken)
        if (!issued.ok) return issued
        return ok({ id: call.params['id'], ...printIssuedToken(issued.value) })
      },
    }),
  ]
}

/** A request for a token, as it came. */
interface TokenRequest {
  readonly id: string | undefined
  readonly caller: ResourceCaller
  readonly body: {
    readonly scopes?: readonly string[] | null
    readonly expiresInMinutes?: number | null
  }
  readonly version: IdentityVersion
  readonly headers: ResourceCall<unknown>['headers']
  readonly nowMs: number
}

/** An identity of another resource is answered like one that does not exist. */
function issueTo(
  request: TokenRequest,
  issueToken: IssueToken,
): Promise<Result<IssuedToken, Fault>> | Result<never, Fault> {
  const { caller, body, version, headers, nowMs } = request
  const terms = tokenTerms({
    scopes: body.scopes,
    scopesField: 'Scopes',
    lifetimeMinutes: body.expiresInMinutes,
    version,
    nowMs,
  })
  if (!terms.ok) return terms
  const device = parseDevice(headers[deviceHeader])
  if (!device.ok) return device
  const name = parseIdentityName(request.id ?? '')
  if (name?.resourceId !== caller.resourceId) return fail({ kind: 'identity-not-owned' })
  const { identityId } = name
  return issueToken({ caller, identityId, terms: terms.value, device: device.value })
}

/**
 * Issuing as part of creating an identity: the terms are decided before the identity exists.
 *
 * An empty list of scopes asks for no token, like an absent one.
 */
export function checkCreateTerms(
  call: CreateCall,
  issueToken: IssueToken,
): Result<TokenTicket | undefined, Fault> {
  const { caller, body, version, nowMs } = call
  const { createTokenWithScopes: scopes, expiresInMinutes: lifetimeMinutes } = body
  const window = tokenWindow({ nowMs, lifetimeMinutes: lifetimeMinutes ?? undefined })
  if (!window.ok) return window
  if (scopes === undefined || scopes === null || scopes.length === 0) return ok(undefined)
  const granted = grantedScopes({ scopes, version, field: 'CreateTokenWithScopes' })
  if (!granted.ok) return granted
  const device = parseDevice(call.headers[deviceHeader])
  if (!device.ok) return device
  const terms = { scopes: granted.value, window: window.value }
  return ok(async (identityId) => {
    const issued = await issueToken({ caller, identityId, terms, device: device.value })
    return issued.ok ? ok(printIssuedToken(issued.value)) : issued
  })
}
