import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { createPlatform } from '@parley/server/foundation/platform'
import { createSealer } from '@parley/server/foundation/seal'
import { turnSigningKeys } from '@parley/server/tokens/signing-key-rotation'
import { fetchJwks } from '@parley/verifier'
import { createVerifier, type SyncVerifier } from '@parley/verifier/node'
import { decodeProtectedHeader } from 'jose'
import { callAdmin } from '../administrator.ts'
import { createIdentity, issueToken, liveness, postToken } from '../calls.ts'
import { newDataDir, send, startWorld, type Tenant, type World } from '../world.ts'

const issuer = 'https://parley.example'
const hourMs = 3_600_000
const dayMs = 24 * hourMs

interface ListedKey {
  readonly kid: string
  readonly algorithm: string
  readonly state: string
  readonly createdAt: string
  readonly signsFrom: string
  readonly replacedAt?: string
  readonly retiredAt?: string
  readonly publicKey: { readonly kid: string }
}

/** A server whose clock a test moves; the house is kept whenever it was moved. */
async function startAt(context: TestContext, settings: Readonly<Record<string, string>> = {}) {
  const dataDir = newDataDir()
  const world = await startWorld(dataDir, { PARLEY_ISSUER: issuer, ...settings })
  const advance = async (atMs: number, on: World = world) => {
    on.stopClock(context, atMs)
    await on.parley.keepHouse()
  }
  return { dataDir, world, advance }
}

async function listKeys(world: World): Promise<readonly ListedKey[]> {
  const { status, body } = await callAdmin(world, { method: 'GET', path: '/parley/signingKeys' })
  assert.equal(status, 200)
  return (body as unknown as { value: readonly ListedKey[] }).value
}

const statesOf = (keys: readonly ListedKey[]) => keys.map(({ state }) => state)

async function publishedKids(world: World): Promise<readonly string[]> {
  const { body } = await send(world.origin, { method: 'GET', path: '/.well-known/jwks.json' })
  return body.keys.map(({ kid }) => kid)
}

const kidOf = (token: string) => decodeProtectedHeader(token).kid ?? ''

function rotate(world: World, body?: object) {
  const path = '/parley/signingKeys/:rotate'
  return callAdmin(
    world,
    body === undefined ? { method: 'POST', path } : { method: 'POST', path, body },
  )
}

/** Somebody who verifies offline, and keeps a key set for exactly as long as it may be kept. */
function offlineVerifier(world: World, keepForMs: number) {
  let verifier: SyncVerifier | undefined
  let fetchedAtMs = 0
  return async (token: string, nowMs: number) => {
    if (verifier === undefined || nowMs - fetchedAtMs >= keepForMs) {
      const keys = await fetchJwks({ url: `${world.origin}/.well-known/jwks.json` })
      assert.ok(keys.ok, JSON.stringify(keys))
      fetchedAtMs = nowMs
      if (verifier === undefined) {
        verifier = createVerifier({ keys: keys.value, issuer, now: world.now })
      } else verifier.replaceKeys(keys.value)
    }
    return verifier.verify(token)
  }
}

describe('signing keys by the schedule', () => {
  test('change twice and no verification ever fails', { timeout: 120_000 }, async (t) => {
    const { world, advance } = await startAt(t, { PARLEY_SIGNING_KEY_DAYS: '4' })
    const tenant = await world.createTenant()
    const id = await createIdentity(tenant)
    const maxAgeMs = 300_000
    const verifiers = [maxAgeMs, 10 * hourMs, dayMs].map((one) => offlineVerifier(world, one))
    const live: { token: string; expiresAtMs: number }[] = []
    const signers: string[] = []
    const seenStates = new Set<string>()
    const [first] = await listKeys(world)
    const bornMs = Date.parse(first?.createdAt ?? '')
    // The first key was made by the clock of the machine; the one that is moved starts there.
    for (let nowMs = bornMs; nowMs < bornMs + 11 * dayMs; nowMs += 3 * hourMs + 7 * 60_000) {
      await advance(nowMs)
      const { body } = await postToken(tenant, id)
      live.push({ token: body.token, expiresAtMs: Date.parse(body.expiresOn) })
      const kid = kidOf(body.token)
      if (!signers.includes(kid)) signers.push(kid)
      seenStates.add(statesOf(await listKeys(world)).join())
      const tokens = live.filter(({ expiresAtMs }) => expiresAtMs > nowMs).map(({ token }) => token)
      for (const verify of verifiers) {
        for (const token of tokens) {
          const verdict = await verify(token, nowMs)
          assert.ok(verdict.ok, `${JSON.stringify(verdict)} at ${(nowMs - bornMs) / dayMs} days`)
        }
      }
      assert.deepEqual(
        await liveness(tenant, tokens),
        tokens.map(() => true),
      )
    }
    assert.equal(signers.length, 3)
    assert.deepEqual(
      [...seenStates],
      [
        'signing',
        'announced,signing',
        'signing,former',
        'signing,retired',
        'announced,signing,retired',
        'signing,former,retired',
        'signing,retired,retired',
      ],
    )
  })

  test('destroy the private half of a key that no live token was signed with', async (t) => {
    const { world, advance } = await startAt(t)
    const [first] = await listKeys(world)
    const bornMs = Date.parse(first?.createdAt ?? '')
    await advance(bornMs + 89 * dayMs)
    await advance(bornMs + 90 * dayMs)
    await advance(bornMs + 90 * dayMs + 25 * hourMs - 1)
    assert.deepEqual(statesOf(await listKeys(world)), ['signing', 'former'])
    const sizes = () => world.db<{ kid: string; size: number }[]>`
      select kid, octet_length(sealed_private_key) as size
      from signing_key
      where kid = ${first?.kid ?? ''}`
    assert.ok(((await sizes())[0]?.size ?? 0) > 100)
    await advance(bornMs + 90 * dayMs + 25 * hourMs)
    assert.deepEqual(statesOf(await listKeys(world)), ['signing', 'retired'])
    assert.equal((await sizes())[0]?.size, 0)
    assert.ok(!(await publishedKids(world)).includes(first?.kid ?? ''))
  })

  test('stay where a restart finds them, whatever their state', async (t) => {
    const { dataDir, world, advance } = await startAt(t, { PARLEY_SIGNING_KEY_DAYS: '4' })
    const tenant = await world.createTenant()
    const id = await createIdentity(tenant)
    const [first] = await listKeys(world)
    const bornMs = Date.parse(first?.createdAt ?? '')
    await advance(bornMs + 3 * dayMs)
    const token = await issueToken(tenant, id)
    const announced = await listKeys(world)
    assert.deepEqual(statesOf(announced), ['announced', 'signing'])
    await world.stop()

    const settings = { PARLEY_ISSUER: issuer, PARLEY_SIGNING_KEY_DAYS: '4' }
    const next = await startWorld(dataDir, settings)
    const owner = next.adoptTenant(tenant)
    assert.deepEqual(await listKeys(next), announced)
    await advance(bornMs + 3 * dayMs + hourMs, next)
    assert.deepEqual(await listKeys(next), announced)
    assert.equal(kidOf(await issueToken(owner, id)), first?.kid)
    assert.deepEqual(await liveness(owner, [token]), [true])
    await advance(bornMs + 4 * dayMs - 1, next)
    assert.deepEqual(await listKeys(next), announced)
    await advance(bornMs + 4 * dayMs, next)
    assert.equal(kidOf(await issueToken(owner, id)), announced[0]?.kid)
    await next.stop()
    const last = await startWorld(dataDir, settings)
    await advance(bornMs + 4 * dayMs + hourMs, last)
    assert.deepEqual(statesOf(await listKeys(last)), ['signing', 'former'])
    assert.equal(kidOf(await issueToken(last.adoptTenant(tenant), id)), announced[0]?.kid)
  })

  test('are written into the audit log as acts of the server', async (t) => {
    const { world, advance } = await startAt(t)
    const [first] = await listKeys(world)
    const bornMs = Date.parse(first?.createdAt ?? '')
    for (const days of [89, 90, 92]) await advance(bornMs + days * dayMs)
    const [second] = await listKeys(world)
    const rows = await world.db<{ actor: string; operation: string; target: string }[]>`
      select actor, operation, target
      from audit_entry
      where operation like '%SigningKey'
      order by seq`
    const act = (operation: string, key: ListedKey | undefined) => ({
      actor: 'server',
      operation,
      target: `/parley/signingKeys/${key?.kid}`,
    })
    assert.deepEqual(
      [...rows],
      [
        act('Parley_AnnounceSigningKey', second),
        act('Parley_StartSigningKey', second),
        act('Parley_RetireSigningKey', first),
      ],
    )
  })

  test('have signed since they were made where the version before made them', async (t) => {
    const { dataDir, world, advance } = await startAt(t)
    const tenant = await world.createTenant()
    const id = await createIdentity(tenant)
    const token = await issueToken(tenant, id)
    await world.db`update signing_key set signs_from = null`
    await world.stop()
    const next = await startWorld(dataDir, { PARLEY_ISSUER: issuer })
    const [key] = await listKeys(next)
    assert.deepEqual([key?.state, key?.signsFrom], ['signing', key?.createdAt])
    assert.deepEqual(await liveness(next.adoptTenant(tenant), [token]), [true])
    await advance(Date.parse(key?.createdAt ?? '') + 89 * dayMs, next)
    assert.deepEqual(statesOf(await listKeys(next)), ['announced', 'signing'])
  })
})

describe('signing keys by the hand of an administrator', () => {
  test('are announced once, and take over a day later', async (t) => {
    const { world, advance } = await startAt(t, { PARLEY_SIGNING_KEY_DAYS: 'off' })
    const [first] = await listKeys(world)
    const bornMs = Date.parse(first?.createdAt ?? '')
    await advance(bornMs + 1000 * dayMs)
    assert.deepEqual(statesOf(await listKeys(world)), ['signing'])
    const [one, other] = await Promise.all([rotate(world), rotate(world, { emergency: false })])
    assert.deepEqual([one.status, other.status], [200, 200])
    const keys = await listKeys(world)
    assert.deepEqual(statesOf(keys), ['announced', 'signing'])
    const [next] = keys
    assert.equal(Date.parse(next?.signsFrom ?? ''), bornMs + 1001 * dayMs)
    assert.deepEqual(
      await publishedKids(world),
      keys.map(({ kid }) => kid),
    )
    assert.ok(!JSON.stringify(keys).includes('"d"'))
    await advance(bornMs + 1001 * dayMs)
    assert.deepEqual(statesOf(await listKeys(world)), ['signing', 'former'])
  })

  test('are announced once, even where two servers turn them', async (t) => {
    const { dataDir, world } = await startAt(t)
    const sealed = readFileSync(join(dataDir, 'master.key'), 'utf8')
    const platform = createPlatform({ now: world.now, monotonicNow: () => 0, randomBytes })
    const sealer = createSealer(Buffer.from(sealed, 'base64'), platform)
    const terms = { signingAlgorithm: 'ES256', signsForMs: undefined } as const
    const wish = { actor: 'a', operation: 'o', requestId: 'r', isEmergency: false }
    const turnWorld = { platform, sealer, ...terms }
    const turn = () => world.db.begin((within) => turnSigningKeys(within, turnWorld, wish))
    await Promise.all([turn(), turn()])
    assert.deepEqual(statesOf(await listKeys(world)), ['announced', 'signing'])
  })

  test('are all dead in an emergency before the answer, and a new one signs', async (t) => {
    const { world, advance } = await startAt(t)
    const tenant: Tenant = await world.createTenant()
    const id = await createIdentity(tenant)
    const [first] = await listKeys(world)
    const bornMs = Date.parse(first?.createdAt ?? '')
    const former = [await issueToken(tenant, id)]
    await advance(bornMs + 89 * dayMs)
    await advance(bornMs + 90 * dayMs)
    former.push(await issueToken(tenant, id))
    await rotate(world)
    assert.deepEqual(statesOf(await listKeys(world)), ['announced', 'signing', 'former'])
    assert.deepEqual(await liveness(tenant, former.slice(1)), [true])

    const { status, headers } = await rotate(world, { emergency: true })
    assert.equal(status, 200)
    assert.deepEqual(await liveness(tenant, former), [false, false])
    const keys = await listKeys(world)
    assert.deepEqual(statesOf(keys), ['signing', 'retired', 'retired', 'retired'])
    assert.deepEqual(await publishedKids(world), [keys[0]?.kid])
    const token = await issueToken(tenant, id)
    assert.equal(kidOf(token), keys[0]?.kid)
    assert.deepEqual(await liveness(tenant, [token, ...former]), [true, false, false])
    const halves = await world.db`
      select from signing_key
      where retired_at is not null and octet_length(sealed_private_key) > 0`
    assert.equal(halves.length, 0)

    const entries = await world.db<{ operation: string; actor: string }[]>`
      select operation, actor
      from audit_entry
      where request_id = ${String(headers['x-ms-request-id'])}
      order by seq`
    assert.deepEqual(
      entries.map(({ operation, actor }) => [operation, actor]),
      [
        'Parley_RotateSigningKeys',
        'Parley_StartSigningKey',
        ...['Parley_RetireSigningKey', 'Parley_RetireSigningKey', 'Parley_RetireSigningKey'],
      ].map((operation) => [operation, 'admin-token']),
    )
  })

  test('stay dead after a restart', async (t) => {
    const { dataDir, world } = await startAt(t)
    const tenant = await world.createTenant()
    const id = await createIdentity(tenant)
    const former = await issueToken(tenant, id)
    assert.equal((await rotate(world, { emergency: true })).status, 200)
    const token = await issueToken(tenant, id)
    await world.stop()
    const next = await startWorld(dataDir, { PARLEY_ISSUER: issuer })
    assert.deepEqual(await liveness(next.adoptTenant(tenant), [former, token]), [false, true])
  })

  test('leave no token of a former key alive, whenever it was asked for', async (t) => {
    const { world } = await startAt(t)
    const tenant = await world.createTenant()
    const id = await createIdentity(tenant)
    let isOver = false
    const tokens: string[] = []
    const load = Array.from({ length: 8 }, async () => {
      while (!isOver) tokens.push(await issueToken(tenant, id))
    })
    for (let count = 0; count < 3; count++) {
      assert.equal((await rotate(world, { emergency: true })).status, 200)
      const [signer] = await publishedKids(world)
      const states = await liveness(tenant, tokens)
      for (const [index, isLive] of states.entries()) {
        assert.equal(isLive, kidOf(tokens[index] ?? '') === signer)
      }
    }
    isOver = true
    await Promise.all(load)
  })

  test('are shown to readers and changed by administrators', async (t) => {
    const { world } = await startAt(t)
    const headers = { authorization: 'Bearer guessed' }
    const path = '/parley/signingKeys'
    const kids = await publishedKids(world)
    assert.equal((await callAdmin(world, { method: 'GET', path, headers })).status, 401)
    const asked = { method: 'POST', path: `${path}/:rotate`, headers, body: { emergency: true } }
    assert.equal((await callAdmin(world, asked)).status, 401)
    assert.equal((await rotate(world, { emergency: 'yes' })).status, 400)
    assert.equal((await rotate(world, { urgent: true })).status, 400)
    assert.deepEqual(await publishedKids(world), kids)
  })
})
