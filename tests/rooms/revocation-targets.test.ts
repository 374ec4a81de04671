/**
 * Revoking by identity, by instant of issue, by id and by text, many targets in a call: what
 * becomes of each, and that it holds on every node when it was answered.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '@parley/server/database/embedded/temporary-postgres'
import { findLastSeq } from '@parley/server/events/store'
import { recordTokens } from '@parley/server/tokens/store'
import {
  claimsOf,
  createIdentity,
  deleteIdentity,
  issueToken,
  liveness,
  postRevoke,
} from '../calls.ts'
import { type Answer, newDataDir, startWorld, type Tenant, theWorld, type World } from '../world.ts'

const marginMs = 6 * 60_000
const world = await theWorld()
const { createTenant, db } = world

interface Outcomes {
  readonly value: readonly { readonly target: number; readonly status: string; seq?: number }[]
  readonly seq: number
  readonly confirmedOn: string
}

function postTargets(tenant: Tenant, targets: readonly object[]): Promise<Answer> {
  return tenant.call({ method: 'POST', path: '/parley/revocations', body: { targets } })
}

async function revoke(tenant: Tenant, targets: readonly object[]): Promise<Outcomes> {
  const { status, body } = await postTargets(tenant, targets)
  assert.equal(status, 200, JSON.stringify(body))
  return body as unknown as Outcomes
}

async function statuses(tenant: Tenant, targets: readonly object[]): Promise<readonly string[]> {
  const { value } = await revoke(tenant, targets)
  assert.deepEqual(
    value.map(({ target }) => target),
    targets.map((_, index) => index),
  )
  return value.map(({ status }) => status)
}

async function liveIds(tenant: Tenant): Promise<readonly (string | undefined)[]> {
  const { body } = await tenant.call({ method: 'GET', path: '/parley/tokens?maxPageSize=1000' })
  return body.value.map(({ jti }) => jti)
}

const idOf = (token: string) => claimsOf(token).jti

/** How many cut-offs of one token each a resource has in the log. */
async function denials(from: World, resourceId: string) {
  return from.db<{ readonly subject: string; readonly forget_at: Date }[]>`
    select subject, forget_at
    from revocation_event
    where resource_id = ${resourceId} and kind = 'token'
    order by seq`
}

async function audited(tenant: Tenant): Promise<readonly string[]> {
  const rows = await db<{ readonly operation: string; readonly line: string }[]>`
    select operation, audit_entry::text as line
    from audit_entry
    where resource_id = ${tenant.resourceId}
    and operation like 'Parley_Revoke%'
    order by seq`
  for (const { line } of rows) assert.doesNotMatch(line, /8:acs:/)
  return rows.map(({ operation }) => operation)
}

describe('revoking one token', () => {
  for (const by of ['jti', 'token'] as const) {
    test(`by its ${by} voids it and no other of its identity`, async () => {
      const tenant = await createTenant()
      const id = await createIdentity(tenant)
      const [one, other] = [await issueToken(tenant, id), await issueToken(tenant, id)]
      const seqBefore = await findLastSeq(db)
      const target = by === 'jti' ? { jti: idOf(one) } : { token: one }
      const { value, seq, confirmedOn } = await revoke(tenant, [target])
      assert.deepEqual(value, [{ target: 0, status: 'revoked', seq }])
      assert.ok(seq > seqBefore && !Number.isNaN(Date.parse(confirmedOn)))
      assert.deepEqual(await liveness(tenant, [one, other]), [false, true])
      assert.deepEqual(await liveIds(tenant), [idOf(other)])
      assert.deepEqual(await audited(tenant), ['Parley_Revoke/token'])
    })
  }

  test('is forgotten a minute after the token has expired', async () => {
    const tenant = await createTenant()
    const token = await issueToken(tenant, await createIdentity(tenant))
    await revoke(tenant, [{ token }])
    const [denial] = await denials(world, tenant.resourceId)
    assert.equal(denial?.subject, idOf(token))
    assert.equal(denial?.forget_at.getTime(), claimsOf(token).exp * 1000 + marginMs)
  })

  test('is answered alike when it is repeated, and confirmed anew', async () => {
    const tenant = await createTenant()
    const token = await issueToken(tenant, await createIdentity(tenant))
    const first = await revoke(tenant, [{ token }])
    const second = await revoke(tenant, [{ token }, { jti: idOf(token) }])
    assert.deepEqual(
      second.value.map(({ status }) => status),
      ['revoked', 'revoked'],
    )
    assert.ok(second.seq > first.seq)
    assert.equal((await denials(world, tenant.resourceId)).length, 2)
  })

  test('also takes one that its identity has lost already', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    const token = await issueToken(tenant, id)
    await postRevoke(tenant, id)
    assert.deepEqual(await statuses(tenant, [{ token }]), ['revoked'])
    await deleteIdentity(tenant, id)
    assert.deepEqual(await statuses(tenant, [{ token }, { identity: id }]), ['unknown', 'unknown'])
  })

  test('has nothing to do for one that has expired by every clock', async (t) => {
    const tenant = await createTenant()
    world.stopClock(t, Date.now())
    const token = await issueToken(tenant, await createIdentity(tenant))
    const expiresAtMs = claimsOf(token).exp * 1000
    // A verifier elsewhere may forgive five minutes, and its clock may be behind by one.
    world.stopClock(t, expiresAtMs + marginMs - 1)
    const named = [{ token }, { jti: idOf(token) }]
    assert.deepEqual(await statuses(tenant, named), ['revoked', 'revoked'])
    world.stopClock(t, expiresAtMs + marginMs)
    const { value, seq } = await revoke(tenant, named)
    assert.deepEqual(value, [
      { target: 0, status: 'unknown' },
      { target: 1, status: 'unknown' },
    ])
    assert.equal(seq, 0)
    assert.deepEqual(await audited(tenant), ['Parley_Revoke/token'])
  })

  test('refuses texts that nobody signed, and leaves the token they name alone', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    const [token, other] = [await issueToken(tenant, id), await issueToken(tenant, id)]
    const [header = '', payload = '', signature = ''] = token.split('.')
    const [, , otherSignature = ''] = other.split('.')
    const forged = [
      `${header}.${payload}.${otherSignature}`,
      `${header}.${payload}.`,
      `${header}.${other.split('.')[1]}.${signature}`,
      `${Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')}.${payload}.`,
      'x',
    ]
    const invalid = forged.map(() => 'invalid')
    assert.deepEqual(
      await statuses(
        tenant,
        forged.map((text) => ({ token: text })),
      ),
      invalid,
    )
    assert.deepEqual(await liveness(tenant, [token, other]), [true, true])
    assert.equal((await denials(world, tenant.resourceId)).length, 0)
  })
})

describe('revoking what was issued to an identity', () => {
  test('voids all of it, and nothing of later', async () => {
    const tenant = await createTenant()
    const [id, sibling] = [await createIdentity(tenant), await createIdentity(tenant)]
    const earlier = await issueToken(tenant, id)
    const untouched = await issueToken(tenant, sibling)
    assert.deepEqual(await statuses(tenant, [{ identity: id }, { identity: id }]), [
      'revoked',
      'revoked',
    ])
    const later = await issueToken(tenant, id)
    const tokens = [earlier, untouched, later]
    assert.deepEqual(await liveness(tenant, tokens), [false, true, true])
    assert.deepEqual(await audited(tenant), ['Parley_Revoke/identity'])
  })

  test('before an instant leaves what was issued from then on', async (t) => {
    const tenant = await createTenant()
    const [id, sibling] = [await createIdentity(tenant), await createIdentity(tenant)]
    const atMs = Math.floor(Date.now() / 1000) * 1000
    const tokens: string[] = []
    for (const offsetMs of [-2000, -1000, 0, 1000]) {
      world.stopClock(t, atMs + offsetMs)
      tokens.push(await issueToken(tenant, id))
    }
    world.stopClock(t, atMs - 2000)
    tokens.push(await issueToken(tenant, sibling))
    world.stopClock(t, atMs + 2000)
    const issuedBefore = new Date(atMs).toISOString()
    const targets = [{ identity: id, issuedBefore }]
    const { value, seq } = await revoke(tenant, targets)
    assert.deepEqual(value, [{ target: 0, status: 'revoked', seq }])
    assert.deepEqual(await liveness(tenant, tokens), [false, false, true, true, true])
    assert.deepEqual(await liveIds(tenant), tokens.slice(2).map(idOf).sort())
    assert.deepEqual(await audited(tenant), ['Parley_Revoke/issuedBefore'])
    const none = [{ identity: sibling, issuedBefore: new Date(atMs - 9000).toISOString() }]
    assert.deepEqual((await revoke(tenant, none)).value, [{ target: 0, status: 'revoked' }])
  })

  test('before an instant takes more tokens than one transaction does, and each once', async () => {
    const tenant = await createTenant()
    const { resourceId } = tenant
    const [many, few] = [await createIdentity(tenant), await createIdentity(tenant)]
    const issuedAtSeconds = Math.floor(Date.now() / 1000) - 60
    const lines = Array.from({ length: 5200 }, (_, index) => ({
      identityId: many.slice(43),
      tokenId: `0199a6b2-7c00-7000-8000-${index.toString(16).padStart(12, '0')}`,
      scopeMask: 1,
      accessKey: undefined,
      issuedAtSeconds,
      expiresAtSeconds: issuedAtSeconds + 3600,
    }))
    await recordTokens(db, resourceId, { lines, nowMs: Date.now() })
    await issueToken(tenant, few)
    const issuedBefore = new Date(Date.now() + 60_000).toISOString()
    const { value, seq } = await revoke(tenant, [
      { identity: few, issuedBefore },
      { identity: many, issuedBefore },
    ])
    assert.deepEqual(
      value.map(({ status }) => status),
      ['revoked', 'revoked'],
    )
    assert.equal(value[1]?.seq, seq)
    const denied = (await denials(world, resourceId)).map(({ subject }) => subject)
    assert.deepEqual([denied.length, new Set(denied).size], [5201, 5201])
    assert.deepEqual(await audited(tenant), ['Parley_Revoke/issuedBefore'])
  })
})

describe('a call with many targets', () => {
  test('answers each in its place, whatever became of the others', async () => {
    const [tenant, neighbour] = [await createTenant(), await createTenant()]
    const ids = [await createIdentity(tenant), await createIdentity(tenant)] as const
    const tokens = [await issueToken(tenant, ids[0]), await issueToken(tenant, ids[1])] as const
    const foreignId = await createIdentity(neighbour)
    const foreign = await issueToken(neighbour, foreignId)
    const nobody = `8:acs:${tenant.resourceId}_${foreignId.slice(43)}`
    const issuedBefore = new Date(Date.now() + 60_000).toISOString()
    const answered = await statuses(tenant, [
      { identity: foreignId },
      { identity: ids[0] },
      { identity: foreignId, issuedBefore },
      { jti: idOf(foreign) },
      { token: foreign },
      { jti: idOf(tokens[1]) },
      { identity: nobody },
      { identity: nobody, issuedBefore },
      { identity: 'ann' },
      {},
    ])
    assert.deepEqual(answered, [
      'unknown',
      'revoked',
      ...['unknown', 'unknown', 'unknown'],
      'revoked',
      ...['unknown', 'unknown', 'invalid', 'invalid'],
    ])
    assert.deepEqual(await liveness(tenant, tokens), [false, false])
    assert.deepEqual(await liveness(neighbour, [foreign]), [true])
    assert.deepEqual(await audited(tenant), ['Parley_Revoke/identity', 'Parley_Revoke/token'])
    assert.deepEqual(await audited(neighbour), [])
  })

  test('takes 1,000 targets and no more, and not none', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    const token = await issueToken(tenant, id)
    const texts = new Array(999).fill({ token })
    const { value } = await revoke(tenant, [{ identity: id }, ...texts])
    assert.equal(value.filter(({ status }) => status === 'revoked').length, 1000)
    for (const targets of [new Array(1001).fill({ jti: 'x' }), [], [{ id }]]) {
      assert.equal((await postTargets(tenant, targets)).status, 400)
    }
  })

  test('beside others over the same identities and tokens ends, and voids them all', async () => {
    const tenant = await createTenant()
    const ids = await Promise.all(Array.from({ length: 20 }, () => createIdentity(tenant)))
    const tokens = await Promise.all(ids.map((id) => issueToken(tenant, id)))
    const issuedBefore = new Date(Date.now() + 60_000).toISOString()
    const mixed = ids.flatMap((identity, index) => [
      { identity },
      { identity, issuedBefore },
      { token: tokens[index] },
    ])
    const calls = Array.from({ length: 8 }, (_, round) =>
      revoke(tenant, round % 2 === 0 ? mixed : mixed.toReversed()),
    )
    const deletions = ids.slice(0, 5).map((id) => deleteIdentity(tenant, id))
    const answered = await Promise.all(calls)
    for (const { status } of await Promise.all(deletions)) assert.equal(status, 204)
    assert.equal(new Set(answered.map(({ seq }) => seq)).size, 8)
    assert.deepEqual(await liveness(tenant, tokens), new Array(20).fill(false))
    assert.deepEqual(await liveIds(tenant), [])
  })
})

describe('two nodes', () => {
  let outside: TemporaryPostgres
  before(async () => {
    outside = await startTemporaryPostgres()
  })
  after(() => outside.close())

  function startNode(): Promise<World> {
    const { username, host, port, database } = outside.postgres.connection
    return startWorld(newDataDir(), {
      PARLEY_DATABASE_URL: `postgres://${username}@/${database}?host=${host}&port=${port}`,
      PARLEY_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
      PARLEY_ISSUER: 'https://parley.example',
    })
  }

  test('refuse what one of them has answered to have voided, and list it no more', async () => {
    const [one, two] = [await startNode(), await startNode()]
    const here = await one.createTenant()
    const there = two.adoptTenant(here)
    for (let round = 0; round < 20; round++) {
      const [issues, voids] = round % 2 === 0 ? [here, there] : [there, here]
      const ids = [await createIdentity(issues), await createIdentity(issues)] as const
      const tokens = [
        await issueToken(issues, ids[0]),
        await issueToken(issues, ids[1]),
        await issueToken(issues, ids[1]),
      ]
      assert.deepEqual(await liveness(issues, tokens), [true, true, true])
      const issuedBefore = new Date(Date.now() + 60_000).toISOString()
      const last = round % 3 === 0 ? { identity: ids[1], issuedBefore } : { token: tokens[2] }
      const targets = [{ identity: ids[0] }, { jti: idOf(tokens[1] ?? '') }, last]
      assert.deepEqual(await statuses(voids, targets), ['revoked', 'revoked', 'revoked'])
      for (const node of [issues, voids]) {
        assert.deepEqual(await liveness(node, tokens), [false, false, false])
        assert.deepEqual(await liveIds(node), [])
      }
    }
    const kept = await issueToken(here, await createIdentity(here))
    const gone = await issueToken(here, await createIdentity(here))
    await revoke(there, [{ jti: idOf(gone) }])
    const third = await startNode()
    assert.deepEqual(await liveness(third.adoptTenant(here), [kept, gone]), [true, false])
    await Promise.all([one.stop(), two.stop(), third.stop()])
  })
})
