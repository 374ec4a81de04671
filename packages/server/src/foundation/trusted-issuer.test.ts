import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fail, ok } from '@parley/protocol'
import { parseTrustedIssuers } from './trusted-issuer.ts'

const entry = { issuer: 'https://login.example/t/v2.0', audience: 'api' }

/** What the variable is said to have to be when one entry has these fields. */
function refusalOf(fields: object): string {
  const outcome = parseTrustedIssuers(JSON.stringify([entry, fields]))
  assert.ok(!outcome.ok)
  return outcome.fault
}

const form = 'a JSON array of {issuer, audience, tenant?, roleClaim?, roles?}'

describe('the trusted issuers', () => {
  test('are an array of entries, each with all that is known of it', () => {
    const roles = ['Owner@/subscriptions/A/', 'reader']
    const full = { ...entry, tenant: 'T', roleClaim: 'https://a.example/roles', roles }
    const read = [
      { role: 'owner', place: '/subscriptions/a' },
      { role: 'reader', place: '' },
    ]
    const outcome = parseTrustedIssuers(JSON.stringify([entry, full]))
    const absent = { tenant: undefined, roleClaim: 'roles', roles: [] }
    assert.deepEqual(
      outcome,
      ok([
        { ...entry, ...absent },
        { ...full, roles: read },
      ]),
    )
  })

  test('may be none', () => {
    assert.deepEqual(parseTrustedIssuers('[]'), ok([]))
  })

  test('may have one issuer for several audiences and tenants', () => {
    const several = [entry, { ...entry, audience: 'other' }, { ...entry, tenant: 't' }]
    assert.ok(parseTrustedIssuers(JSON.stringify(several)).ok)
  })

  for (const again of [{}, { roles: ['owner'] }, { audience: 'api/' }]) {
    test(`have each once, so not ${JSON.stringify(again)} again`, () => {
      const outcome = parseTrustedIssuers(JSON.stringify([entry, { ...entry, ...again }]))
      const expected = `${form}; issuer, audience and tenant together stand once`
      assert.deepEqual(outcome, fail(expected))
    })
  }

  for (const issuer of [
    'https://login.example',
    'https://login.example/',
    'https://login.example:8443/adfs',
    'http://localhost:4444',
    'http://127.0.0.1:4444/realms/a',
    'http://127.9.9.9',
    'http://[::1]:4444',
  ]) {
    test(`may be ${issuer}`, () => {
      assert.ok(parseTrustedIssuers(JSON.stringify([{ ...entry, issuer }])).ok)
    })
  }

  for (const issuer of [
    'http://login.example',
    'http://localhost.example',
    'http://127.0.0.1.example',
    'http://10.0.0.1',
    'https://user:secret@login.example',
    'https://login.example?a=b',
    'https://login.example#a',
    'https://login example',
    'https:\\\\login.example',
    'https://',
    'login.example',
    'ftp://login.example',
    '',
    1,
    undefined,
  ]) {
    test(`may not be ${issuer}, which is not repeated`, () => {
      const expected =
        '"issuer" must be an https URL (or http on loopback) without query, fragment or credentials'
      assert.equal(refusalOf({ ...entry, issuer }), `${form}; entry 2: ${expected}`)
    })
  }

  const wrong: readonly (readonly [object, string])[] = [
    [{ audience: '' }, '"audience" must be'],
    [{ audience: '//' }, '"audience" must be'],
    [{ audience: ['api'] }, '"audience" must be'],
    [{ audience: 'a'.repeat(2049) }, '"audience" must be'],
    [{ tenant: '' }, '"tenant" must be'],
    [{ tenant: null }, '"tenant" must be'],
    [{ roleClaim: '' }, '"roleClaim" must be'],
    [{ roleClaim: ['roles'] }, '"roleClaim" must be'],
    [{ roles: 'owner' }, '"roles" must be'],
    [{ roles: ['admin'] }, '"roles" must be'],
    [{ roles: ['owner@'] }, '"roles" must be'],
    [{ roles: [1] }, '"roles" must be'],
    [{ role: ['owner'] }, 'has no other fields than issuer, audience, tenant, roleClaim, roles'],
  ]
  for (const [fields, expected] of wrong) {
    test(`may not have ${JSON.stringify(fields).slice(0, 40)}`, () => {
      const refusal = refusalOf({ ...entry, ...fields })
      assert.ok(refusal.startsWith(`${form}; entry 2: ${expected}`), refusal)
    })
  }

  for (const text of ['', '{}', 'null', '"a"', '[', JSON.stringify(Array(65).fill(entry))]) {
    test(`are not ${text.slice(0, 20)}`, () => {
      assert.deepEqual(parseTrustedIssuers(text), fail(`${form}, at most 64 of them`))
    })
  }

  for (const one of [1, null, 'a', [entry]]) {
    test(`are no ${JSON.stringify(one).slice(0, 10)}`, () => {
      const outcome = parseTrustedIssuers(JSON.stringify([one]))
      assert.deepEqual(outcome, fail(`${form}; entry 1: must be an object`))
    })
  }
})
