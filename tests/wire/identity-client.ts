/**
 * What every generation of the official identity client can do, as one specification.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AzureCommunicationTokenCredential } from '@azure/communication-common'
import { decodeJwt } from 'jose'
import { areLive, refusalOf, theServer } from './the-server.ts'

/** The client, reduced to what all its generations share. */
export interface IdentityClient {
  createUser(): Promise<User>
  createUserAndToken(scopes: Scope[], options?: TokenOptions): Promise<Token & { user: User }>
  getToken(user: User, scopes: Scope[], options?: TokenOptions): Promise<Token>
  revokeTokens(user: User): Promise<void>
  deleteUser(user: User): Promise<void>
}

type Scope = 'chat' | 'voip'

interface User {
  communicationUserId: string
}

interface Token {
  token: string
  expiresOn: Date
}

interface TokenOptions {
  tokenExpiresInMinutes?: number
  /** Named so that the options of the oldest client, which have no lifetime, fit too. */
  abortSignal?: never
}

/** One published version of the client. */
export interface Generation {
  readonly version: string
  readonly connect: (connectionString: string) => IdentityClient
  /** Whether a caller can say how long a token lives. */
  readonly takesLifetime: boolean
}

const anIdentity = /^8:acs:[0-9a-f-]{36}_[0-9a-f-]{36}$/
const identityNotOwned = { name: 'RestError', statusCode: 401, code: 'IdentityNotOwned' }
const denied = { name: 'RestError', statusCode: 401, code: 'Denied' }
const invalid = { name: 'RestError', statusCode: 400, code: 'ValidationError' }

/** Specifies one generation, with nothing but the connection string and the CA. */
export function specify(generation: Generation): void {
  describe(`the identity client ${generation.version}`, () => {
    specifyTokens(generation)
    specifyVoiding(generation)
    specifyRefusals(generation)
    if (generation.takesLifetime) specifyLifetimes(generation)
  })
}

async function connected(generation: Generation): Promise<IdentityClient> {
  const { banner } = await theServer()
  return generation.connect(banner.connectionString)
}

function specifyTokens(generation: Generation): void {
  test('creates an identity', async () => {
    const client = await connected(generation)
    const user = await client.createUser()
    assert.match(user.communicationUserId, anIdentity)
  })

  test('creates an identity with a token for a day, which the credential reads', async () => {
    const client = await connected(generation)
    const { user, token, expiresOn } = await client.createUserAndToken(['chat', 'voip'])
    assert.match(user.communicationUserId, anIdentity)
    const read = await new AzureCommunicationTokenCredential(token).getToken()
    assert.equal(read.token, token)
    const { exp = 0, iat = 0, acsScope, skypeid } = decodeJwt(token)
    assert.equal(exp - iat, 1440 * 60)
    assert.equal(acsScope, 'chat,voip')
    assert.equal(`8:${skypeid}`, user.communicationUserId)
    assert.deepEqual([expiresOn.getTime(), read.expiresOnTimestamp], [exp * 1000, exp * 1000])
  })

  test('gets two tokens that live side by side', async () => {
    const client = await connected(generation)
    const user = await client.createUser()
    const first = await client.getToken(user, ['chat'])
    const second = await client.getToken(user, ['voip'])
    assert.notEqual(first.token, second.token)
    assert.deepEqual(await areLive(await theServer(), [first.token, second.token]), [true, true])
  })
}

function specifyVoiding(generation: Generation): void {
  test('revokes what was issued, and not what is issued in the same second', async () => {
    const client = await connected(generation)
    const server = await theServer()
    // Only a round within one second proves it; each takes some milliseconds.
    for (;;) {
      const { user, token: before } = await client.createUserAndToken(['chat'])
      await client.revokeTokens(user)
      const { token: after } = await client.getToken(user, ['chat'])
      assert.deepEqual(await areLive(server, [before, after]), [false, true])
      if (decodeJwt(before).iat === decodeJwt(after).iat) break
    }
  })

  test('deletes an identity, which has no token from then on', async () => {
    const client = await connected(generation)
    const { user, token } = await client.createUserAndToken(['chat'])
    await client.deleteUser(user)
    assert.deepEqual(await areLive(await theServer(), [token]), [false])
    assert.deepEqual(await refusalOf(client.getToken(user, ['chat'])), identityNotOwned)
    assert.deepEqual(await refusalOf(client.revokeTokens(user)), identityNotOwned)
    assert.deepEqual(await refusalOf(client.deleteUser(user)), identityNotOwned)
  })
}

function specifyRefusals(generation: Generation): void {
  test('learns of a wrong access key', async () => {
    const { endpoint } = await theServer()
    const wrongKey = Buffer.alloc(64, 7).toString('base64')
    const client = generation.connect(`endpoint=${endpoint};accesskey=${wrongKey}`)
    assert.deepEqual(await refusalOf(client.createUser()), denied)
  })

  test('learns that a token needs a scope', async () => {
    const client = await connected(generation)
    const user = await client.createUser()
    assert.deepEqual(await refusalOf(client.getToken(user, [])), invalid)
  })
}

const lifetimes = [
  [59, false],
  [60, true],
  [1440, true],
  [1441, false],
] as const

function specifyLifetimes(generation: Generation): void {
  for (const [tokenExpiresInMinutes, isAccepted] of lifetimes) {
    test(`${isAccepted ? 'is given' : 'is refused'} ${tokenExpiresInMinutes} minutes`, async () => {
      const client = await connected(generation)
      const user = await client.createUser()
      const calls = [
        () => client.getToken(user, ['chat'], { tokenExpiresInMinutes }),
        () => client.createUserAndToken(['chat'], { tokenExpiresInMinutes }),
      ]
      for (const call of calls) {
        if (!isAccepted) {
          assert.deepEqual(await refusalOf(call()), invalid)
          continue
        }
        const { exp = 0, iat = 0 } = decodeJwt((await call()).token)
        assert.equal(exp - iat, tokenExpiresInMinutes * 60)
      }
    })
  }
}
