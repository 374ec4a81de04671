/** Entra tokens of people, exchanged for access tokens, through the whole server. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import {
  atOnce,
  claimsOf,
  deleteIdentity,
  getIdentity,
  liveness,
  namedVersion,
  postIdentity,
  postRevoke,
  told,
} from '../calls.ts'
import {
  assign,
  assignmentPath,
  exchange,
  exchanged,
  exchangeWorld,
  families,
  newPerson,
  type Person,
  teamsAssignmentPath,
  tokenOf,
} from '../exchanges.ts'
import type { JwtPart } from '../signing-key.ts'
import { type Answer, send, type Tenant } from '../world.ts'

const familyNames = Object.keys(families) as (keyof typeof families)[]

/** A resource, and a person who may exchange there. */
async function arrange(): Promise<{ readonly tenant: Tenant; readonly person: Person }> {
  const tenant = await (await exchangeWorld()).createTenant()
  const person = newPerson()
  await assign(tenant, person)
  return { tenant, person }
}

/** A token of a person, from the issuer that all of them have. */
async function newToken(person: Person, claims?: JwtPart): Promise<string> {
  return tokenOf((await exchangeWorld()).issuer, person, claims)
}

/** Why an exchange was refused; all refusals have one body. */
function reasonOf(answer: Answer): unknown {
  assert.deepEqual(told(answer), {
    status: 401,
    body: { error: { code: 'Denied', message: 'Denied by the resource provider.' } },
  })
  return answer.headers['x-parley-reason']
}

describe('an exchange', () => {
  for (const family of familyNames) {
    test(`of ${family} gives a live token of no access key that ends with its own`, async () => {
      const { tenant, person } = await arrange()
      const { now } = await exchangeWorld()
      const exp = Math.floor(now() / 1000) + 1234
      const entraToken = await newToken(person, { scp: families[family].scp, exp })
      const { identity, accessToken } = await exchanged(tenant, entraToken, family)
      const claims = claimsOf(accessToken.token)
      assert.equal(claims.sub, identity.id)
      assert.match(identity.id, new RegExp(`^8:acs:${tenant.resourceId}_[0-9a-f-]{36}$`))
      assert.deepEqual([claims.acsScope, claims.exp, 'akg' in claims], ['voip', exp, false])
      assert.equal(Date.parse(accessToken.expiresOn), exp * 1000)
      assert.deepEqual(await liveness(tenant, [accessToken.token]), [true])
    })
  }

  test('answers as the contract has it, and forbids caching', async () => {
    const { tenant, person } = await arrange()
    const { headers, body } = await exchange(tenant, await newToken(person))
    assert.equal(headers['cache-control'], 'no-store')
    assert.deepEqual(Object.keys(body).sort(), ['accessToken', 'identity'])
    assert.deepEqual(Object.keys(body.accessToken).sort(), ['expiresOn', 'token'])
    assert.deepEqual(Object.keys(body.identity).sort(), ['id', 'lastTokenIssuedAt'])
    const scp = families.teamsExtension.scp
    const later = await exchanged(tenant, await newToken(person, { scp }), 'teamsExtension')
    assert.deepEqual(Object.keys(later.identity), ['id'])
  })

  const bodies: readonly (readonly [what: string, body: string | undefined, status: number])[] = [
    ['an empty object', '{}', 200],
    ['nothing', undefined, 200],
    ['what a later version may say', '{"later":1}', 200],
    ['a list', '[]', 400],
    ['no JSON', '{', 422],
  ]
  for (const [what, body, status] of bodies) {
    test(`is answered ${status} with ${what} in its body`, async () => {
      const { tenant, person } = await arrange()
      const { origin } = await exchangeWorld()
      const authorization = `Bearer ${await newToken(person)}`
      const answer = await send(origin, {
        method: 'POST',
        path: `${families.entra.path}?api-version=${namedVersion}`,
        host: tenant.host,
        headers: { authorization, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body }),
      })
      assert.equal(answer.status, status)
    })
  }

  const day = 24 * 3600
  for (const [left, lasts] of [
    [2, 2],
    [300, 300],
    [day, day],
    [30 * 3600, day],
  ] as const) {
    test(`gives ${lasts} seconds where the Entra token has ${left} left`, async (context) => {
      const { tenant, person } = await arrange()
      const { now, stopClock } = await exchangeWorld()
      stopClock(context, now())
      const exp = Math.floor(now() / 1000) + left
      const { accessToken } = await exchanged(tenant, await newToken(person, { exp }))
      const claims = claimsOf(accessToken.token)
      assert.equal(claims.exp - claims.iat, lasts)
      assert.deepEqual(await liveness(tenant, [accessToken.token]), [true])
    })
  }

  const mapped: readonly (readonly [keyof typeof families, JwtPart, string])[] = [
    ['entra', { scp: 'Chat' }, 'chat'],
    ['entra', { scp: 'Chat.Join' }, 'chat.join'],
    ['entra', { scp: 'Chat.Join.Limited' }, 'chat.join.limited'],
    ['entra', { scp: 'VoIP' }, 'voip'],
    ['entra', { scp: 'VoIP.Join' }, 'voip.join'],
    ['entra', { scp: 'openid voip CHAT' }, 'chat,voip'],
    ['entra', { scp: ['Chat', 'VoIP'] }, 'chat,voip'],
    ['entra', { scp: undefined, scope: 'https://communication.azure.com/clients/Chat' }, 'chat'],
    ['teamsExtension', { scp: 'TeamsExtension.ManageCalls' }, 'voip'],
  ]
  for (const [family, claims, scopes] of mapped) {
    test(`of ${family} makes ${scopes} of ${JSON.stringify(claims)}`, async () => {
      const { tenant, person } = await arrange()
      const { accessToken } = await exchanged(tenant, await newToken(person, claims), family)
      assert.equal(claimsOf(accessToken.token).acsScope, scopes)
    })
  }

  const versions: readonly (readonly [keyof typeof families, string, number])[] = [
    ['entra', '2023-10-01', 400],
    ['entra', '2025-06-30', 400],
    ['teamsExtension', '2023-10-01', 400],
    ['teamsExtension', '2025-03-02-preview', 200],
    ['teamsExtension', '2026-09-23', 200],
  ]
  for (const [family, apiVersion, status] of versions) {
    test(`of ${family} is answered ${status} in ${apiVersion}`, async () => {
      const { tenant, person } = await arrange()
      const { path, scp } = families[family]
      const authorization = `Bearer ${await newToken(person, { scp })}`
      const answer = await send((await exchangeWorld()).origin, {
        method: 'POST',
        path: `${path}?api-version=${apiVersion}`,
        host: tenant.host,
        headers: { authorization, 'content-type': 'application/json' },
        body: {},
      })
      assert.equal(answer.status, status)
    })
  }
})

describe('an exchange is refused', () => {
  const refusals: readonly (readonly [what: string, claims: JwtPart, reason: string])[] = [
    ['without a permission', { scp: undefined }, 'bearer-permission-missing'],
    ['with .default alone', { scp: '.default' }, 'bearer-permission-missing'],
    ['with permissions of others', { scp: 'User.Read Chat.Read' }, 'bearer-permission-missing'],
    ['with those of Teams', { scp: 'TeamsExtension.ManageCalls' }, 'bearer-permission-missing'],
    ['to another person', { oid: randomUUID() }, 'bearer-not-assigned'],
    ['to another tenant', { tid: randomUUID() }, 'bearer-not-assigned'],
    ['to another application', { azp: randomUUID() }, 'bearer-not-assigned'],
    ['to no application', { azp: '', client_id: undefined }, 'bearer-not-assigned'],
    ['to a person with a NUL', { oid: 'a\0' }, 'bearer-malformed'],
    ['for another audience', { aud: 'https://graph.microsoft.com' }, 'bearer-audience-differs'],
    ['long after its end', { exp: 1_700_000_000 }, 'bearer-expired'],
  ]
  for (const [what, claims, reason] of refusals) {
    test(`${what}: ${reason}`, async () => {
      const { tenant, person } = await arrange()
      assert.equal(reasonOf(await exchange(tenant, await newToken(person, claims))), reason)
    })
  }

  test('within the tolerance of clocks after its end: there is no time to give', async () => {
    const { tenant, person } = await arrange()
    const { now } = await exchangeWorld()
    const exp = Math.floor(now() / 1000) - 1
    const answer = await exchange(tenant, await newToken(person, { exp }))
    assert.equal(reasonOf(answer), 'bearer-expired')
  })

  test('to whoever signs with an access key instead', async () => {
    const { tenant } = await arrange()
    const path = `${families.entra.path}?api-version=${namedVersion}`
    assert.equal(reasonOf(await tenant.call({ method: 'POST', path })), 'bearer-not-taken')
  })

  test('in a resource in which nothing is assigned', async () => {
    const { person } = await arrange()
    const other = await (await exchangeWorld()).createTenant()
    const answer = await exchange(other, await newToken(person))
    assert.equal(reasonOf(answer), 'bearer-not-assigned')
  })

  for (const family of familyNames) {
    const other = family === 'entra' ? 'teamsExtension' : 'entra'
    test(`by ${family} where only ${other} is assigned`, async () => {
      const { tenant, person } = await arrange()
      const { tid, oid } = person
      const path = family === 'entra' ? assignmentPath(oid) : teamsAssignmentPath(tid, oid)
      assert.equal((await tenant.call({ method: 'DELETE', path })).status, 204)
      const attempt = async (by: keyof typeof families) =>
        exchange(tenant, await newToken(person, { scp: families[by].scp }), by)
      const [here, there] = [await attempt(family), await attempt(other)]
      assert.equal(there.status, 200)
      assert.equal(reasonOf(here), 'bearer-not-assigned')
    })
  }
})

describe('an assignment decides about the next exchange:', () => {
  const group = randomUUID()
  const kinds: readonly (readonly [string, (person: Person) => string])[] = [
    ['user', ({ oid }) => oid],
    ['group', () => group],
    ['tenant', ({ tid }) => tid],
  ]
  for (const [principalType, objectIdOf] of kinds) {
    test(`a ${principalType}, by its application, until it is removed`, async () => {
      const tenant = await (await exchangeWorld()).createTenant()
      const person = { ...newPerson(), groups: [randomUUID(), group] }
      const entraToken = await newToken(person)
      const path = assignmentPath(objectIdOf(person))
      const put = (clientIds: readonly string[]) =>
        tenant.call({
          method: 'PUT',
          path,
          body: { tenantId: person.tid, principalType, clientIds },
        })
      const statuses: number[] = []
      const attempt = async () => statuses.push((await exchange(tenant, entraToken)).status)
      await attempt()
      await put([])
      await attempt()
      await put([randomUUID()])
      await attempt()
      await put([randomUUID(), person.azp])
      await attempt()
      await tenant.call({ method: 'DELETE', path })
      await attempt()
      assert.deepEqual(statuses, [401, 401, 401, 200, 401])
    })
  }

  test('a resource account of Teams, by its application', async () => {
    const tenant = await (await exchangeWorld()).createTenant()
    const person = newPerson()
    const path = teamsAssignmentPath(person.tid, person.oid)
    const body = { principalType: 'teamsResourceAccount', clientIds: [person.azp] }
    assert.equal((await tenant.call({ method: 'PUT', path, body })).status, 201)
    const { scp } = families.teamsExtension
    await exchanged(tenant, await newToken(person, { scp }), 'teamsExtension')
  })

  test('tokens that were issued before it was removed live on', async () => {
    const { tenant, person } = await arrange()
    const { accessToken } = await exchanged(tenant, await newToken(person))
    await tenant.call({ method: 'DELETE', path: assignmentPath(person.oid) })
    assert.deepEqual(await liveness(tenant, [accessToken.token]), [true])
  })
})

describe('the identity of a person', () => {
  test('is the same at every exchange and by either way', async () => {
    const { tenant, person } = await arrange()
    const { scp } = families.teamsExtension
    const first = await exchanged(tenant, await newToken(person))
    const again = await exchanged(tenant, await newToken(person))
    const byTeams = await exchanged(tenant, await newToken(person, { scp }), 'teamsExtension')
    assert.equal(again.identity.id, first.identity.id)
    assert.equal(byTeams.identity.id, first.identity.id)
    assert.notEqual(claimsOf(again.accessToken.token).jti, claimsOf(first.accessToken.token).jti)
  })

  test('is another one in another resource, tenant or issuer', async () => {
    const { createTenant, issuer, otherIssuer } = await exchangeWorld()
    const { tenant, person } = await arrange()
    const other = await createTenant()
    await assign(other, person)
    const namesake = { ...person, tid: randomUUID() }
    const path = assignmentPath(namesake.tid)
    const body = { tenantId: namesake.tid, principalType: 'tenant', clientIds: [person.azp] }
    assert.equal((await tenant.call({ method: 'PUT', path, body })).status, 201)
    const bodies = await Promise.all([
      exchanged(tenant, await tokenOf(issuer, person)),
      exchanged(other, await tokenOf(issuer, person)),
      exchanged(tenant, await tokenOf(issuer, namesake)),
      exchanged(tenant, await tokenOf(otherIssuer, person)),
    ])
    assert.equal(new Set(bodies.map(({ identity }) => identity.id)).size, 4)
  })

  test('is one, however many first exchanges come at once', async () => {
    const { tenant, person } = await arrange()
    const entraToken = await newToken(person)
    const bodies = await atOnce(24, () => exchanged(tenant, entraToken))
    assert.equal(new Set(bodies.map(({ identity }) => identity.id)).size, 1)
    const { db } = await exchangeWorld()
    const [row] = await db<{ count: string }[]>`
      select count(*) from identity where resource_id = ${tenant.resourceId}
    `
    assert.equal(Number(row?.count), 1)
    const tokens = bodies.map(({ accessToken }) => accessToken.token)
    assert.deepEqual(new Set(await liveness(tenant, tokens)), new Set([true]))
  })

  test('loses its tokens when they are revoked, and goes on', async () => {
    const { tenant, person } = await arrange()
    const before = await exchanged(tenant, await newToken(person))
    assert.equal((await postRevoke(tenant, before.identity.id)).status, 204)
    const after = await exchanged(tenant, await newToken(person))
    assert.equal(after.identity.id, before.identity.id)
    const tokens = [before, after].map(({ accessToken }) => accessToken.token)
    assert.deepEqual(await liveness(tenant, tokens), [false, true])
  })

  test('is a new one after it was deleted', async () => {
    const { tenant, person } = await arrange()
    const before = await exchanged(tenant, await newToken(person))
    assert.equal((await deleteIdentity(tenant, before.identity.id)).status, 204)
    const after = await exchanged(tenant, await newToken(person))
    assert.notEqual(after.identity.id, before.identity.id)
    const tokens = [before, after].map(({ accessToken }) => accessToken.token)
    assert.deepEqual(await liveness(tenant, tokens), [false, true])
  })

  test('reveals nobody to who reads it, nor to who reads its row', async () => {
    const { tenant, person } = await arrange()
    const { identity } = await exchanged(tenant, await newToken(person))
    const { status, body } = await getIdentity(tenant, identity.id)
    assert.deepEqual([status, Object.keys(body).sort()], [200, ['id', 'lastTokenIssuedAt']])
    const { db } = await exchangeWorld()
    const rows = await db`
      select identity::text || encode(custom_id_hash, 'escape') as text
      from identity where resource_id = ${tenant.resourceId}
    `
    const [text] = rows.map((row) => String(row['text']))
    for (const known of [person.oid, person.tid]) assert.ok(!text?.includes(known))
  })

  test('is never that of a customId', async () => {
    const { tenant, person } = await arrange()
    const { issuer } = await exchangeWorld()
    const { tid, oid } = person
    const { identity } = await exchanged(tenant, await newToken(person))
    const hashed = ['entra-person', tenant.resourceId, issuer.issuer, tid, oid]
    for (const customId of [oid, JSON.stringify(hashed), `${tid}\n${oid}`]) {
      const named = await postIdentity(tenant, { customId }, namedVersion)
      assert.notEqual(named.body.identity.id, identity.id)
    }
  })
})
