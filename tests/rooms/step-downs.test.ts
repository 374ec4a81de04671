/**
 * Stepping down: what the tokens of an identity still open, who says so, and that it holds on every
 * node when it was answered.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '@parley/server/database/embedded/temporary-postgres'
import { deleteForgottenEvents, findLastSeq } from '@parley/server/events/store'
import {
  atOnce,
  claimsOf,
  createIdentity,
  deleteIdentity,
  postRevoke,
  postToken,
} from '../calls.ts'
import { follow, until } from '../followers.ts'
import { type Answer, newDataDir, startWorld, type Tenant, theWorld, type World } from '../world.ts'

const world = await theWorld()
const { createTenant, db } = world
const every = ['chat', 'voip', 'chat.join', 'chat.join.limited', 'voip.join']

interface Outcomes {
  readonly value: readonly { readonly target: number; readonly status: string; seq?: number }[]
  readonly seq: number
  readonly confirmedOn: string
}

function postStepDowns(tenant: Tenant, targets: readonly object[]): Promise<Answer> {
  return tenant.call({ method: 'POST', path: '/parley/stepDowns', body: { targets } })
}

async function stepDown(tenant: Tenant, targets: readonly object[]): Promise<Outcomes> {
  const { status, body } = await postStepDowns(tenant, targets)
  assert.equal(status, 200, JSON.stringify(body))
  return body as unknown as Outcomes
}

async function statuses(tenant: Tenant, targets: readonly object[]): Promise<readonly string[]> {
  const { value } = await stepDown(tenant, targets)
  assert.deepEqual(
    value.map(({ target }) => target),
    targets.map((_, index) => index),
  )
  return value.map(({ status }) => status)
}

async function issue(tenant: Tenant, id: string, scopes: readonly string[]): Promise<string> {
  const { status, body } = await postToken(tenant, id, { scopes })
  assert.equal(status, 200, JSON.stringify(body))
  return body.token
}

/** What each token opens, as introspection says it: names, or nothing where it is not live. */
async function opens(tenant: Tenant, tokens: readonly string[]): Promise<readonly string[]> {
  const { status, body } = await tenant.call({
    method: 'POST',
    path: '/introspect',
    body: { tokens },
  })
  assert.equal(status, 200)
  const answers = body.value as readonly { readonly active: boolean; readonly scope?: string }[]
  for (const { active, scope } of answers) assert.equal(active, scope !== undefined)
  return answers.map(({ scope }) => scope ?? '')
}

/** The list of live tokens, by what they open; nothing for those that are not in it. */
async function listed(
  tenant: Tenant,
  tokens: readonly string[],
  path = '/parley/tokens',
): Promise<readonly string[]> {
  const { body } = await tenant.call({ method: 'GET', path: `${path}?maxPageSize=1000` })
  const value = body.value as unknown as readonly { jti: string; scopes: readonly string[] }[]
  const byId = new Map(value.map(({ jti, scopes }) => [jti, scopes.join(' ')]))
  return tokens.map((token) => byId.get(claimsOf(token).jti) ?? '')
}

/** That introspection, the list of the resource and that of the identity say one thing. */
async function assertOpens(tenant: Tenant, id: string, expected: Readonly<Record<string, string>>) {
  const [tokens, opened] = [Object.keys(expected), Object.values(expected)]
  assert.deepEqual(await opens(tenant, tokens), opened, 'introspection')
  assert.deepEqual(await listed(tenant, tokens), opened, 'the list of the resource')
  const own = await listed(tenant, tokens, `/parley/identities/${id}/tokens`)
  assert.deepEqual(own, opened, 'the list of the identity')
}

async function audited(tenant: Tenant): Promise<readonly string[]> {
  const rows = await db<{ readonly operation: string; readonly line: string }[]>`
    select operation, audit_entry::text as line
    from audit_entry
    where resource_id = ${tenant.resourceId}
    and operation like 'Parley_StepDown%'
    order by seq`
  for (const { line } of rows) assert.doesNotMatch(line, /8:acs:/)
  return rows.map(({ operation }) => operation)
}

async function takenOf(resourceId: string) {
  return db<{ readonly subject: string; readonly forget_at: Date; readonly seq: string }[]>`
    select subject, forget_at, seq
    from revocation_event
    where resource_id = ${resourceId} and kind = 'identity-scope'
    order by seq`
}

describe('stepping an identity down', () => {
  test('narrows what it holds, and nothing that is issued afterwards', async () => {
    const tenant = await createTenant()
    const [id, sibling] = [await createIdentity(tenant), await createIdentity(tenant)]
    const before = await issue(tenant, id, ['voip', 'voip.join', 'chat'])
    const untouched = await issue(tenant, sibling, ['voip'])
    assert.deepEqual(await opens(tenant, [before]), ['chat voip voip.join'])
    const seqBefore = await findLastSeq(db)
    const answer = await stepDown(tenant, [{ identity: id, scopes: ['voip.join', 'chat'] }])
    const { seq, confirmedOn } = answer
    assert.deepEqual(answer.value, [{ target: 0, status: 'narrowed', seq }])
    assert.ok(seq > seqBefore && !Number.isNaN(Date.parse(confirmedOn)))
    const later = await issue(tenant, id, ['voip', 'chat'])
    await assertOpens(tenant, id, { [before]: 'chat voip.join', [later]: 'chat voip' })
    assert.deepEqual(await opens(tenant, [untouched]), ['voip'])
    assert.deepEqual(await listed(tenant, [untouched]), ['voip'])
    assert.deepEqual(await audited(tenant), ['Parley_StepDown'])
  })

  test('gives no token what it did not have, and voids what is left without any', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    const [chat, voip, both] = [
      await issue(tenant, id, ['chat']),
      await issue(tenant, id, ['voip']),
      await issue(tenant, id, ['chat', 'voip']),
    ]
    await stepDown(tenant, [{ identity: id, scopes: ['voip', 'voip.join', 'chat.join'] }])
    await assertOpens(tenant, id, { [chat]: '', [voip]: 'voip', [both]: 'voip' })
    await stepDown(tenant, [{ identity: id, scopes: every }])
    await stepDown(tenant, [{ identity: id, scopes: ['chat', 'voip'] }])
    await assertOpens(tenant, id, { [chat]: '', [voip]: 'voip', [both]: 'voip' })
  })

  test('again and again takes from each token what was taken since its issue', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    const first = await issue(tenant, id, every)
    await stepDown(tenant, [{ identity: id, scopes: ['voip.join'] }])
    const second = await issue(tenant, id, every)
    await stepDown(tenant, [{ identity: id, scopes: ['chat', 'voip.join'] }])
    const third = await issue(tenant, id, every)
    const opened = { [second]: 'chat voip.join', [third]: every.join(' ') }
    await assertOpens(tenant, id, { [first]: 'voip.join', ...opened })
    await stepDown(tenant, [{ identity: id, scopes: ['chat'] }])
    await assertOpens(tenant, id, { [first]: '', [second]: 'chat', [third]: 'chat' })
  })

  test('and revoking compose in either order', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    const first = await issue(tenant, id, ['chat', 'voip'])
    await stepDown(tenant, [{ identity: id, scopes: ['chat'] }])
    const second = await issue(tenant, id, ['chat', 'voip'])
    assert.equal((await postRevoke(tenant, id)).status, 204)
    const third = await issue(tenant, id, ['chat', 'voip'])
    await assertOpens(tenant, id, { [first]: '', [second]: '', [third]: 'chat voip' })
    await stepDown(tenant, [{ identity: id, scopes: ['voip'] }])
    await assertOpens(tenant, id, { [first]: '', [second]: '', [third]: 'voip' })
    const jti = claimsOf(third).jti
    const body = { targets: [{ jti }] }
    await tenant.call({ method: 'POST', path: '/parley/revocations', body })
    await assertOpens(tenant, id, { [third]: '' })
  })

  test('to every scope takes nothing and writes nothing', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    const token = await issue(tenant, id, every)
    const { value, seq } = await stepDown(tenant, [{ identity: id, scopes: every }])
    assert.deepEqual([value, seq], [[{ target: 0, status: 'narrowed' }], 0])
    await assertOpens(tenant, id, { [token]: every.join(' ') })
    assert.deepEqual([await audited(tenant), [...(await takenOf(tenant.resourceId))]], [[], []])
  })

  test('is forgotten when the last token that it narrows has expired by every clock', async (t) => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    const atMs = Math.ceil(Date.now() / 1000) * 1000
    world.stopClock(t, atMs)
    const token = await issue(tenant, id, ['chat', 'voip'])
    await stepDown(tenant, [{ identity: id, scopes: ['chat'] }])
    const taken = await takenOf(tenant.resourceId)
    const forgetAtMs = claimsOf(token).exp * 1000 + 6 * 60_000
    assert.deepEqual(
      taken.map(({ forget_at }) => forget_at.getTime()),
      new Array(4).fill(forgetAtMs),
    )
    await deleteForgottenEvents(db, forgetAtMs - 1)
    assert.equal((await takenOf(tenant.resourceId)).length, 4)
  })
})

describe('a call that steps down many', () => {
  test('answers each in its place, whatever became of the others', async () => {
    const [tenant, neighbour] = [await createTenant(), await createTenant()]
    const [id, gone] = [await createIdentity(tenant), await createIdentity(tenant)]
    const token = await issue(tenant, id, every)
    const foreignId = await createIdentity(neighbour)
    const foreign = await issue(neighbour, foreignId, ['voip'])
    await deleteIdentity(tenant, gone)
    const nobody = `8:acs:${tenant.resourceId}_${foreignId.slice(43)}`
    const scopes = ['chat']
    const answered = await statuses(tenant, [
      { identity: foreignId, scopes },
      { identity: id, scopes: ['chat', 'chat.join'] },
      { identity: gone, scopes },
      { identity: gone, scopes: every },
      { identity: nobody, scopes },
      { identity: 'ann', scopes },
      { identity: id, scopes: [] },
      { identity: id, scopes: ['chat', 'admin'] },
      { identity: id, scopes: ['Chat'] },
      { identity: id },
      { identity: id, scopes: null },
      { scopes },
      {},
      { identity: id, scopes: ['chat.join', 'chat.join', 'voip'] },
    ])
    assert.deepEqual(answered, [
      ...['unknown', 'narrowed', 'unknown', 'unknown', 'unknown'],
      ...new Array(8).fill('invalid'),
      'narrowed',
    ])
    assert.deepEqual(await opens(tenant, [token]), ['chat.join'])
    assert.deepEqual(await opens(neighbour, [foreign]), ['voip'])
    assert.deepEqual([await audited(tenant), await audited(neighbour)], [['Parley_StepDown'], []])
  })

  test('takes 1,000 targets and no more, and not none', async () => {
    const tenant = await createTenant()
    const ids = await atOnce(50, () => createIdentity(tenant))
    const tokens = await atOnce(50, (index) => issue(tenant, ids[index] ?? '', every))
    const targets = Array.from({ length: 1000 }, (_, index) => ({
      identity: ids[index % 50],
      scopes: index < 50 ? ['chat', 'voip'] : ['voip', 'chat.join'],
    }))
    const { value, seq } = await stepDown(tenant, targets)
    assert.equal(value.filter(({ status }) => status === 'narrowed').length, 1000)
    const taken = await takenOf(tenant.resourceId)
    assert.deepEqual([taken.length, Number(taken.at(-1)?.seq)], [200, seq])
    assert.deepEqual(await opens(tenant, tokens), new Array(50).fill('voip'))
    for (const bad of [[...targets, {}], [], [{ identity: ids[0], scope: ['chat'] }]]) {
      assert.equal((await postStepDowns(tenant, bad)).status, 400)
    }
  })

  test('beside revocations and deletions of the same identities ends, and all hold', async () => {
    const tenant = await createTenant()
    const ids = await atOnce(20, () => createIdentity(tenant))
    const tokens = await atOnce(20, (index) => issue(tenant, ids[index] ?? '', every))
    const targets = ids.map((identity) => ({ identity, scopes: ['chat', 'voip.join'] }))
    const calls = Array.from({ length: 8 }, (_, round) =>
      postStepDowns(tenant, round % 2 === 0 ? targets : targets.toReversed()),
    )
    const deletions = ids.slice(0, 5).map((id) => deleteIdentity(tenant, id))
    const revocations = ids.slice(5, 10).map((id) => postRevoke(tenant, id))
    const answered = await Promise.all([...calls, ...deletions, ...revocations])
    assert.deepEqual(
      answered.map(({ status }) => status),
      [...new Array(8).fill(200), ...new Array(10).fill(204)],
    )
    const expected = ids.map((_, index) => (index < 10 ? '' : 'chat voip.join'))
    assert.deepEqual(await opens(tenant, tokens), expected)
    assert.deepEqual(await listed(tenant, tokens), expected)
  })
})

describe('a follower', () => {
  test('hears of a step-down in its stream, and finds it in a snapshot', async (t) => {
    // A follower reaches the server by its address, where it is known by its key among few.
    const own = await startWorld(newDataDir())
    const tenant = await own.createTenant()
    const id = await createIdentity(tenant)
    const token = await issue(tenant, id, ['chat', 'voip'])
    const scopesAt = ({ verifier }: Awaited<ReturnType<typeof follow>>) => {
      const verdict = verifier.verify(token)
      return verdict.ok ? verdict.scopes.join(' ') : verdict.reason
    }
    const early = await follow(t, own, { tenant })
    await early.following.ready
    assert.equal(scopesAt(early), 'chat voip')
    await stepDown(tenant, [{ identity: id, scopes: ['chat'] }])
    await until(() => scopesAt(early) === 'chat', 'the step-down')
    const late = await follow(t, own, { tenant })
    await late.following.ready
    assert.equal(scopesAt(late), 'chat')
    early.line.cut()
    await stepDown(tenant, [{ identity: id, scopes: ['voip'] }])
    early.line.mend()
    await until(() => [early, late].every((one) => scopesAt(one) === 'void'), 'the end')
  })
})

describe('several nodes', () => {
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

  test('open no more than what one of them has answered to be left', async () => {
    const [one, two] = [await startNode(), await startNode()]
    const here = await one.createTenant()
    const there = two.adoptTenant(here)
    let last = ''
    for (let round = 0; round < 20; round++) {
      const [issues, takes] = round % 2 === 0 ? [here, there] : [there, here]
      const id = await createIdentity(issues)
      const [whole, voip] = [await issue(issues, id, every), await issue(issues, id, ['voip'])]
      assert.deepEqual(await opens(takes, [whole, voip]), [every.join(' '), 'voip'])
      const scopes = ['chat', 'voip.join'].slice(round % 2)
      await stepDown(takes, [{ identity: id, scopes }])
      last = await issue(issues, id, every)
      const tokens = [whole, voip, last]
      for (const node of [issues, takes]) {
        const expected = [scopes.join(' '), '', every.join(' ')]
        assert.deepEqual(await opens(node, tokens), expected)
        assert.deepEqual(await listed(node, tokens), expected)
      }
      if (round === 19) {
        const third = await startNode()
        const newcomer = third.adoptTenant(here)
        assert.deepEqual(await opens(newcomer, tokens), [scopes.join(' '), '', every.join(' ')])
        await third.stop()
      }
    }
    await Promise.all([one.stop(), two.stop()])
  })

  test('accept nothing once the log has an event that they do not know', async () => {
    const node = await startNode()
    const tenant = await node.createTenant()
    const token = await issue(tenant, await createIdentity(tenant), ['chat'])
    assert.deepEqual(await opens(tenant, [token]), ['chat'])
    await node.db.begin(async (transaction) => {
      await transaction`
        alter table revocation_event drop constraint revocation_event_kind_check`
      await transaction`
        with numbered as (
          update event_sequence set last_seq = last_seq + 1 returning last_seq
        )
        insert into revocation_event (resource_id, seq, kind, subject, generation, forget_at)
        select ${tenant.resourceId}, last_seq, 'planet', 'mars', 2, now() + interval '1 day'
        from numbered`
    })
    const ask = () =>
      tenant.call({ method: 'POST', path: '/introspect', body: { tokens: [token] } })
    const untilStatus = async (expected: number) => {
      const deadlineAt = performance.now() + 20_000
      for (;;) {
        const { status } = await ask()
        if (status === expected) return
        assert.ok(status === 503 || status === 200, String(status))
        assert.ok(performance.now() < deadlineAt, `still ${status}`)
      }
    }
    await untilStatus(503)
    assert.equal((await ask()).status, 503)
    await assert.rejects(startNode(), /kind planet/)
    await node.db`delete from revocation_event where kind = 'planet'`
    await untilStatus(200)
    await node.stop()
  })
})
