import { ok } from '@parley/protocol'
import { Type } from '@sinclair/typebox'
import type { Operation } from '../contract/operation.ts'
import type { PublicSigningJwk } from './signing-keys.ts'

/** What verifiers need to know of this server. */
export interface PublishedKeys {
  /** `iss` of the tokens. */
  readonly issuer: string
  /** Those of this moment. */
  readonly keys: () => readonly PublicSigningJwk[]
}

const jwksPath = '/.well-known/jwks.json'
const keysAreCached = { 'cache-control': 'public, max-age=300' }

/** The public half of a signing key on the wire. */
export const jwkSchema = Type.Object({
  kty: Type.String(),
  use: Type.Literal('sig'),
  alg: Type.String(),
  kid: Type.String(),
  crv: Type.Optional(Type.String()),
  x: Type.Optional(Type.String()),
  y: Type.Optional(Type.String()),
  n: Type.Optional(Type.String()),
  e: Type.Optional(Type.String()),
})

const configurationSchema = Type.Object({
  issuer: Type.String(),
  jwks_uri: Type.String(),
  introspection_endpoint: Type.String(),
  id_token_signing_alg_values_supported: Type.Array(Type.String()),
  response_types_supported: Type.Array(Type.String()),
  subject_types_supported: Type.Array(Type.String()),
})

/**
 * The public documents by which anybody verifies tokens offline.
 *
 * The discovery document has the members of OpenID Connect that verifiers read, no authorisation
 * endpoint: nobody signs in here, tokens are issued to servers.
 *
 * @source RFC 7517 section 5 (JWKS); OpenID Connect Discovery 1.0 section 3; RFC 8414 section 2.
 */
export function publishedKeyOperations(published: PublishedKeys): readonly Operation[] {
  return [
    {
      id: 'Parley_GetKeys',
      summary: 'Gets the keys that verify access tokens.',
      method: 'GET',
      path: jwksPath,
      access: 'public',
      browsers: 'anybody',
      versions: 'unversioned',
      reply: {
        status: 200,
        schema: Type.Object({ keys: Type.Array(jwkSchema) }),
        headers: keysAreCached,
      },
      handle: () => ok({ keys: published.keys() }),
    },
    {
      id: 'Parley_GetConfiguration',
      summary: 'Gets the issuer and where its keys are.',
      method: 'GET',
      path: '/.well-known/openid-configuration',
      access: 'public',
      browsers: 'anybody',
      versions: 'unversioned',
      reply: { status: 200, schema: configurationSchema, headers: keysAreCached },
      handle: () => ok(configurationOf(published)),
    },
  ]
}

function configurationOf(published: PublishedKeys): Readonly<Record<string, unknown>> {
  const { issuer, keys } = published
  return {
    issuer,
    jwks_uri: `${issuer}${jwksPath}`,
    introspection_endpoint: `${issuer}/introspect`,
    id_token_signing_alg_values_supported: [...new Set(keys().map((key) => key.alg))],
    response_types_supported: ['none'],
    subject_types_supported: ['public'],
  }
}
