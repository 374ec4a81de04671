/**
 * Access keys: how they are handed out, replaced, and overlap; and which tokens die with them.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { RevocationEvent } from '@parley/protocol'
import { recordTokens } from '@parley/server/tokens/store'
import { createIdentity, issueToken, liveness, postIdentity } from '../calls.ts'
import {
  control,
  createResource,
  newGuid,
  newPlace,
  regenerateKey,
  resourcePath,
} from '../control-plane.ts'
import { newDataDir, startWorld, type Tenant, theWorld, type World } from '../world.ts'

const world = await theWorld()

interface SlotFacts {
  readonly slot: string
  readonly generation: number
  readonly createdOn: string
  readonly lastUsedOn?: string
  readonly former?: {
    readonly generation: number
    readonly validUntil: string
    readonly lastUsedOn?: string
  }
}

async function keyFacts(from: World, resourceId: string): Promise<readonly SlotFacts[]> {
  const path = `/parley/resources/${resourceId}/accessKeys`
  const { status, body } = await control(from, { method: 'GET', path })
  assert.equal(status, 200)
  return body.value as unknown as readonly SlotFacts[]
}

/** The owner of a resource, with one identity and a token under each key. */
async function ownerOfTokens(from: World) {
  const place = await newPlace(from)
  const tenant = await createResource(from, place)
  const { primaryKey, secondaryKey } = tenant
  const identity = await createIdentity(tenant)
  const under = (accessKey: Buffer) => issueToken(withKey(tenant, accessKey), identity)
  const tokens = [await under(primaryKey), await under(secondaryKey)]
  return { place, tenant, tokens, under }
}

function withKey(tenant: Tenant, accessKey: Buffer): Tenant {
  return { ...tenant, call: (request) => tenant.call({ ...request, accessKey }) }
}

async function isAccepted(tenant: Tenant, accessKey: Buffer): Promise<boolean> {
  const { status } = await postIdentity(withKey(tenant, accessKey))
  assert.ok(status === 201 || status === 401, String(status))
  return status === 201
}

/** Which cut-offs of the keys of a resource there are, the oldest first. */
async function cutOffs(from: World, resourceId: string) {
  const rows = await from.db<Pick<RevocationEvent, 'subject' | 'generation'>[]>`
    select subject, generation
    from revocation_event
    where resource_id = ${resourceId} and kind = 'access-key'
    order by seq`
  return rows.map(({ subject, generation }) => [subject, Number(generation)])
}

describe('the keys of a resource', () => {
  test('are listed as texts and as connection strings of its own endpoint', async () => {
    const place = await newPlace(world)
    await createResource(world, place)
    const path = resourcePath(place, '/listKeys')
    const { status, headers, body } = await control(world, { method: 'POST', path })
    assert.equal(status, 200)
    assert.equal(headers['cache-control'], 'no-store')
    const { primaryKey = '', secondaryKey = '' } = body
    const endpoint = `https://${place.name}.parley.test/`
    assert.deepEqual(body, {
      primaryKey,
      secondaryKey,
      primaryConnectionString: `endpoint=${endpoint};accesskey=${primaryKey}`,
      secondaryConnectionString: `endpoint=${endpoint};accesskey=${secondaryKey}`,
    })
    assert.notEqual(primaryKey, secondaryKey)
    assert.equal(Buffer.from(primaryKey, 'base64').length, 64)
  })

  test('are looked at in the audit log, and stand nowhere in it', async () => {
    const place = await newPlace(world)
    const { resourceId, primaryKey } = await createResource(world, place)
    await regenerateKey(world, place, { keyType: 'Secondary' })
    const rows = await world.db<{ operation: string; actor: string; target: string }[]>`
      select operation, actor, target
      from audit_entry
      where resource_id = ${resourceId}
      order by seq`
    assert.deepEqual(
      rows.map(({ operation }) => operation),
      [
        'CommunicationServices_CreateOrUpdate',
        'CommunicationServices_ListKeys',
        'CommunicationServices_RegenerateKey',
      ],
    )
    for (const { actor, target } of rows) {
      assert.deepEqual([actor, target], ['admin-token', resourcePath(place).split('?')[0]])
    }
    assert.ok(!JSON.stringify(rows).includes(primaryKey.toString('base64')))
  })

  test('tell when they were last used, and nothing before', async (context) => {
    const owner = await createResource(world, await newPlace(world))
    const [unused] = await keyFacts(world, owner.resourceId)
    assert.equal(unused?.lastUsedOn, undefined)
    const atMs = world.now() + 5000
    world.stopClock(context, atMs)
    await postIdentity(owner)
    const [primary, secondary] = await keyFacts(world, owner.resourceId)
    assert.equal(Date.parse(primary?.lastUsedOn ?? ''), atMs)
    assert.deepEqual([secondary?.slot, secondary?.lastUsedOn], ['secondary', undefined])
  })

  test('are told of for no resource that does not exist', async () => {
    for (const id of [newGuid(), 'parley']) {
      const path = `/parley/resources/${id}/accessKeys`
      const { status, body } = await control(world, { method: 'GET', path })
      assert.deepEqual([status, body.error.code], [404, 'NotFound'])
    }
  })
})

describe('regenerating a key', () => {
  const cases = [
    ['primary', 'primary', 0],
    ['Primary', 'primary', 0],
    ['secondary', 'secondary', 1],
    ['SECONDARY', 'secondary', 1],
  ] as const
  for (const [keyType, slot, index] of cases) {
    test(`${keyType} voids the tokens of that slot and no others`, async () => {
      const { place, tenant, tokens, under } = await ownerOfTokens(world)
      const path = resourcePath(place, '/regenerateKey')
      const { status, body } = await control(world, { method: 'POST', path, body: { keyType } })
      assert.equal(status, 200)
      assert.deepEqual(Object.keys(body).sort(), [`${slot}ConnectionString`, `${slot}Key`])
      const made = Buffer.from(body[`${slot}Key`] ?? '', 'base64')
      const formerKeys = [tenant.primaryKey, tenant.secondaryKey]
      const [former, other] = index === 0 ? formerKeys : formerKeys.reverse()
      assert.ok(former !== undefined && other !== undefined)
      assert.equal(await isAccepted(tenant, former), false)
      assert.deepEqual(
        [await isAccepted(tenant, made), await isAccepted(tenant, other)],
        [true, true],
      )
      const all = [...tokens, await under(made), await under(other)]
      const live = await liveness(withKey(tenant, other), all)
      assert.deepEqual(live, index === 0 ? [false, true, true, true] : [true, false, true, true])
      assert.deepEqual(await cutOffs(world, tenant.resourceId), [[slot, 2]])
    })
  }

  test('many times at once leaves the last key, and one generation for each', async () => {
    const { place, tenant } = await ownerOfTokens(world)
    const made = await Promise.all(
      Array.from({ length: 5 }, () => regenerateKey(world, place, { keyType: 'Primary' })),
    )
    const [primary] = await keyFacts(world, tenant.resourceId)
    assert.equal(primary?.generation, 6)
    const accepted = []
    for (const key of made) accepted.push(await isAccepted(tenant, key))
    assert.equal(accepted.filter(Boolean).length, 1)
    const path = resourcePath(place, '/listKeys')
    const { body } = await control(world, { method: 'POST', path })
    assert.ok(made[accepted.indexOf(true)]?.equals(Buffer.from(body.primaryKey ?? '', 'base64')))
  })

  const refused: readonly object[] = [
    {},
    { keyType: 'tertiary' },
    { keyType: 1 },
    { keyType: 'Primary', overlapMinutes: 0 },
    { keyType: 'Primary', overlapMinutes: 1441 },
    { keyType: 'Primary', overlapMinutes: 1.5 },
  ]
  for (const body of refused) {
    test(`is refused with ${JSON.stringify(body)}`, async () => {
      const { place, tenant } = await ownerOfTokens(world)
      const path = resourcePath(place, '/regenerateKey')
      const answer = await control(world, { method: 'POST', path, body })
      assert.deepEqual([answer.status, answer.body.error.code], [400, 'InvalidRequestContent'])
      assert.equal(await isAccepted(tenant, tenant.primaryKey), true)
    })
  }
})

const minuteMs = 60_000

describe('an overlap', () => {
  test('lets the former key and its tokens go on until it is over', async (context) => {
    const { place, tenant, tokens, under } = await ownerOfTokens(world)
    const [held = '', other = ''] = tokens
    const startMs = world.now()
    world.stopClock(context, startMs)
    const made = await regenerateKey(world, place, { keyType: 'Primary', overlapMinutes: 10 })
    assert.deepEqual(await cutOffs(world, tenant.resourceId), [])
    assert.equal(await isAccepted(tenant, made), true)
    world.stopClock(context, startMs + 10 * minuteMs - 1)
    const late = await under(tenant.primaryKey)
    const fresh = await under(made)
    const reader = withKey(tenant, made)
    assert.deepEqual(await liveness(reader, [held, late, fresh, other]), [true, true, true, true])
    const [primary] = await keyFacts(world, tenant.resourceId)
    const { former, lastUsedOn = '', generation } = primary ?? assert.fail()
    assert.equal(generation, 2)
    assert.equal(Date.parse(lastUsedOn), startMs + 10 * minuteMs - 1)
    const { validUntil = '', lastUsedOn: formerlyUsed = '' } = former ?? {}
    assert.equal(Date.parse(validUntil), startMs + 10 * minuteMs)
    assert.equal(Date.parse(formerlyUsed), startMs + 10 * minuteMs - 1)
    world.stopClock(context, startMs + 10 * minuteMs)
    assert.equal(await isAccepted(tenant, tenant.primaryKey), false)
    assert.deepEqual(await liveness(reader, [fresh, other]), [true, true])
  })

  test('is over in the ledger to the millisecond, whatever was authenticated before', async () => {
    const { place, tenant } = await ownerOfTokens(world)
    const identityId = (await createIdentity(tenant)).split('_')[1] ?? ''
    await regenerateKey(world, place, { keyType: 'Primary', overlapMinutes: 10 })
    const [primary] = await keyFacts(world, tenant.resourceId)
    const untilMs = Date.parse(primary?.former?.validUntil ?? '')
    const issuedAtSeconds = Math.floor(world.now() / 1000)
    const kinds = []
    for (const [generation, nowMs] of [
      [1, untilMs - 1],
      [1, untilMs],
      [2, untilMs],
      [3, untilMs - 1],
    ] as const) {
      const accessKey = { slot: 'primary', generation } as const
      const times = { issuedAtSeconds, expiresAtSeconds: issuedAtSeconds + 3600 }
      const line = { identityId, tokenId: newGuid(), scopeMask: 1, accessKey, ...times }
      const asked = { lines: [line], nowMs }
      kinds.push((await recordTokens(world.db, tenant.resourceId, asked))[0]?.kind)
    }
    const [lasting, over] = ['recorded', 'access-key-superseded']
    assert.deepEqual(kinds, [lasting, over, lasting, over])
  })

  test('ends with the next regeneration, which may begin another', async () => {
    const { place, tenant, tokens, under } = await ownerOfTokens(world)
    const [first = '', other = ''] = tokens
    const overlap = { keyType: 'Primary', overlapMinutes: 60 }
    const second = await regenerateKey(world, place, overlap)
    const ofSecond = await under(second)
    const third = await regenerateKey(world, place, overlap)
    const ofThird = await under(third)
    const reader = withKey(tenant, tenant.secondaryKey)
    const tokensOfAll = [first, ofSecond, ofThird, other]
    assert.deepEqual(await liveness(reader, tokensOfAll), [false, true, true, true])
    assert.deepEqual(
      [
        await isAccepted(tenant, tenant.primaryKey),
        await isAccepted(tenant, second),
        await isAccepted(tenant, third),
      ],
      [false, true, true],
    )
    await regenerateKey(world, place, { keyType: 'Primary' })
    assert.deepEqual(await liveness(reader, tokensOfAll), [false, false, false, true])
    assert.deepEqual(
      [await isAccepted(tenant, second), await isAccepted(tenant, third)],
      [false, false],
    )
    const expected = [
      ['primary', 2],
      ['primary', 4],
    ]
    assert.deepEqual(await cutOffs(world, tenant.resourceId), expected)
  })
})

describe('an overlap over a restart', () => {
  test('goes on, or is over before anything is served', async (context) => {
    const dataDir = newDataDir()
    const settings = { PARLEY_ISSUER: 'https://parley.test' }
    const first = await startWorld(dataDir, settings)
    const nowMs = first.now()
    first.stopClock(context, nowMs - 120 * minuteMs)
    const due = await ownerOfTokens(first)
    await regenerateKey(first, due.place, { keyType: 'Secondary', overlapMinutes: 60 })
    const lasting = await ownerOfTokens(first)
    await regenerateKey(first, lasting.place, { keyType: 'Primary', overlapMinutes: 1440 })
    await first.stop()
    const second = await startWorld(dataDir, settings)
    // The use of a key before the stop was written down by it.
    const [primary] = await keyFacts(second, due.tenant.resourceId)
    assert.equal(Date.parse(primary?.lastUsedOn ?? ''), nowMs - 120 * minuteMs)
    const [dueOwner, lastingOwner] = [due, lasting].map(({ tenant }) => second.adoptTenant(tenant))
    assert.ok(dueOwner !== undefined && lastingOwner !== undefined)
    assert.deepEqual(await liveness(dueOwner, due.tokens), [true, false])
    assert.equal(await isAccepted(dueOwner, due.tenant.secondaryKey), false)
    assert.deepEqual(await cutOffs(second, dueOwner.resourceId), [['secondary', 2]])
    assert.deepEqual(await liveness(lastingOwner, lasting.tokens), [true, true])
    assert.equal(await isAccepted(lastingOwner, lasting.tenant.primaryKey), true)
  })
})
