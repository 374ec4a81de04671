import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import findMyWay from 'find-my-way'
import { serverLimits } from './contract/limits.ts'
import { type Route, routesOf } from './http/routes.ts'
import { describeOperations } from './operations.ts'

const operations = describeOperations()
const routes = routesOf(operations)

/** The router as Fastify makes it for `http/app.ts`. */
function routerOf(mounted: readonly Route[]) {
  const router = findMyWay({ maxParamLength: serverLimits.pathSegmentCharactersMax })
  for (const route of mounted) router.on(route.method, route.url, () => undefined, route)
  return (method: Route['method'], path: string) => {
    const found = router.find(method, path)
    return found === null ? undefined : { route: found.store as Route, params: found.params }
  }
}

const find = routerOf(routes)
const id = '8:acs:11111111-1111-4111-8111-111111111111_22222222-2222-7222-8222-222222222222'
const encodedId = encodeURIComponent(id)

/** The path of an operation with its parameters filled in. */
function filled(path: string, value: string): string {
  return path.replaceAll(/\{[A-Za-z]+\}/g, value)
}

/** Those on identities, and of our own api space. */
const ownIds = [
  'CommunicationIdentity_Create',
  'CommunicationIdentity_CreateOnly',
  'CommunicationIdentity_Delete',
  'CommunicationIdentity_ExchangeTeamsUserAccessToken',
  'CommunicationIdentity_ExchangeTeamsUserToken',
  'CommunicationIdentity_Get',
  'CommunicationIdentity_IssueAccessToken',
  'CommunicationIdentity_IssueToken',
  'CommunicationIdentity_RevokeAccessTokens',
  'CommunicationIdentity_Update',
  'Parley_Acknowledge',
  'Parley_AllocateRealtimeConnection',
  'Parley_AssignPhoneNumber',
  'Parley_BeginSocket',
  'Parley_CompareUsage',
  'Parley_CreateVerifierCredential',
  'Parley_DeleteIdentity',
  'Parley_DeletePhoneNumber',
  'Parley_DeleteVerifierCredential',
  'Parley_EndCall',
  'Parley_EnterFollower',
  'Parley_ExportIdentity',
  'Parley_FollowRevocations',
  'Parley_ForgetUsage',
  'Parley_GetCall',
  'Parley_GetCalling',
  'Parley_GetCallingConfig',
  'Parley_GetConfiguration',
  'Parley_GetCors',
  'Parley_GetKeys',
  'Parley_GetPhoneNumber',
  'Parley_GetPhoneSettings',
  'Parley_GetRevocationSnapshot',
  'Parley_GetUsage',
  'Parley_Introspect',
  'Parley_LeaveFollower',
  'Parley_ListAccessKeys',
  'Parley_ListAuditEntries',
  'Parley_ListCalls',
  'Parley_ListIdentityTokens',
  'Parley_ListPhoneNumbers',
  'Parley_ListPurges',
  'Parley_ListSigningKeys',
  'Parley_ListTokens',
  'Parley_ListUsage',
  'Parley_ListVerifierCredentials',
  'Parley_PollSocket',
  'Parley_PostToSocket',
  'Parley_RegisterForNotifications',
  'Parley_RemoveFromCall',
  'Parley_Revoke',
  'Parley_RotateSigningKeys',
  'Parley_RotateVerifierCredential',
  'Parley_SetCalling',
  'Parley_SetCors',
  'Parley_SetPhoneSettings',
  'Parley_StepDown',
  'Parley_UnregisterFromNotifications',
]

describe('the operations', () => {
  test('are all those on identities, and our own', () => {
    const ids = operations.map((operation) => operation.id)
    const own = ids.filter((one) => /^(CommunicationIdentity|Parley)_/.test(one))
    assert.deepEqual(own.sort(), ownIds)
  })

  test('have an id each', () => {
    const ids = operations.map((operation) => operation.id)
    assert.deepEqual(ids, [...new Set(ids)])
  })

  for (const { id: operationId, method, path } of operations) {
    test(`are reached by their own path: ${operationId}`, () => {
      for (const value of [id, encodedId, 'ann', ':', '::', ':revokeAccessTokens']) {
        const found = find(method, filled(path, value))
        const own = routes.find((route) =>
          [...route.byVersion.values(), route.unversioned].some(
            (chosen) => chosen?.operation.id === operationId,
          ),
        )
        assert.equal(found?.route, own)
        const values = Object.values(found?.params ?? {})
        assert.deepEqual(new Set(values), new Set(values.map(() => decodeURIComponent(value))))
      }
    })
  }

  test('whose names begin with a colon never cross', () => {
    const actions = operations.filter(({ path }) => path.includes('/:'))
    assert.ok(actions.length >= 4)
    for (const { method, path } of actions) {
      const place = filled(path, encodedId)
      const found = find(method, place)?.route.url
      const others = actions.filter((other) => filled(other.path, encodedId) !== place)
      for (const other of others) {
        assert.notEqual(find(other.method, filled(other.path, encodedId))?.route.url, found)
      }
    }
  })

  const nowhere: readonly (readonly [Route['method'], string])[] = [
    ['POST', `/identities/${encodedId}/:issueAccessTokens`],
    ['POST', `/identities/${encodedId}/:issueAccessToke`],
    ['POST', `/identities/${encodedId}/issueAccessToken`],
    ['POST', `/identities/${encodedId}/::issueAccessToken`],
    ['POST', `/identities/${encodedId}/%3AissueAccessToken`],
    ['POST', `/identities/${encodedId}/:IssueAccessToken`],
    ['POST', `/identities/${encodedId}/:issueAccessToken/`],
    ['POST', '/identities/:issueAccessToken'],
    ['POST', `/identities/${encodedId}`],
    ['POST', '/identities/'],
    ['POST', '/Identities'],
    ['GET', '/identities'],
    ['GET', `/identities/${encodedId}/:issueAccessToken`],
    ['PUT', `/identities/${encodedId}`],
    ['DELETE', `/identities/${'x'.repeat(serverLimits.pathSegmentCharactersMax + 1)}`],
    ['POST', '/teamsUser/:exchangeAccessTokens'],
    ['GET', '/'],
  ]
  for (const [method, path] of nowhere) {
    test(`are not reached by ${method} ${path.slice(0, 130)}`, () => {
      assert.equal(find(method, path), undefined)
    })
  }

  test('need a credential, but for published documents and what is not served', () => {
    const open = operations.filter(({ access }) => access === 'public')
    const unserved = open.filter(({ reply }) => reply.status === 501)
    assert.deepEqual(
      open.filter((operation) => !unserved.includes(operation)).map((operation) => operation.id),
      ['Parley_GetKeys', 'Parley_GetConfiguration', 'Operations_List'],
    )
  })

  test('forbid caching wherever a token, its state or a key is handed out', () => {
    const secret = operations.filter(({ reply }) => reply.isSecret === true)
    assert.deepEqual(secret.map((operation) => operation.id).sort(), [
      'CommunicationIdentity_Create',
      'CommunicationIdentity_ExchangeTeamsUserAccessToken',
      'CommunicationIdentity_ExchangeTeamsUserToken',
      'CommunicationIdentity_IssueAccessToken',
      'CommunicationIdentity_IssueToken',
      'CommunicationNetworkTraversal_IssueRelayConfiguration',
      'CommunicationServices_ListKeys',
      'CommunicationServices_RegenerateKey',
      'EntraIdToken_Exchange',
      'Parley_AllocateRealtimeConnection',
      'Parley_CreateVerifierCredential',
      'Parley_Introspect',
      'Parley_RotateVerifierCredential',
      'TeamsExtensionToken_Exchange',
    ])
  })
})
