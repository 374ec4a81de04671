import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ok } from '@parley/protocol'
import type { Call } from '../contract/operation.ts'
import { publishedKeyOperations } from './published-keys.ts'
import type { PublicSigningJwk } from './signing-keys.ts'

const keys: readonly PublicSigningJwk[] = [
  { kty: 'EC', use: 'sig', alg: 'ES256', kid: 'new', crv: 'P-256', x: 'x', y: 'y' },
  { kty: 'EC', use: 'sig', alg: 'ES256', kid: 'former', crv: 'P-256', x: 'x', y: 'y' },
  { kty: 'RSA', use: 'sig', alg: 'RS256', kid: 'older', n: 'n', e: 'AQAB' },
]
const issuer = 'https://parley.example/base'

const call: Call = {
  caller: undefined,
  params: {},
  query: {},
  headers: {},
  requestId: '',
  body: {},
  version: '2026-09-23',
  nowMs: 0,
}

const operations = publishedKeyOperations({ issuer, keys: () => keys })

describe('the published keys', () => {
  test('are every key, for anybody, without an api-version, cached for five minutes', () => {
    const [operation] = operations
    assert.ok(operation !== undefined)
    const { method, path, access, versions, reply } = operation
    assert.deepEqual(
      [method, path, access, versions, reply.status, reply.headers, reply.isSecret],
      [
        'GET',
        '/.well-known/jwks.json',
        'public',
        'unversioned',
        200,
        { 'cache-control': 'public, max-age=300' },
        undefined,
      ],
    )
    assert.deepEqual(operation.handle(call), ok({ keys }))
  })

  test('are named by the discovery document, with each algorithm once', () => {
    const operation = operations[1]
    assert.deepEqual(
      [operation?.method, operation?.path, operation?.access],
      ['GET', '/.well-known/openid-configuration', 'public'],
    )
    assert.deepEqual(
      operation?.handle(call),
      ok({
        issuer,
        jwks_uri: 'https://parley.example/base/.well-known/jwks.json',
        introspection_endpoint: 'https://parley.example/base/introspect',
        id_token_signing_alg_values_supported: ['ES256', 'RS256'],
        response_types_supported: ['none'],
        subject_types_supported: ['public'],
      }),
    )
  })
})
