import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fail, ok, type Scope } from '@parley/protocol'
import type { EntraToken } from '../contract/operation.ts'
import {
  type Assignment,
  directoryId,
  type ExchangeFamily,
  exchangedWindow,
  exchangeTerms,
  isCovered,
  personOf,
  scopesOfPermissions,
} from './model.ts'

const tenantId = '11111111-1111-4111-8111-aaaaaaaaaaaa'
const objectId = '22222222-2222-4222-8222-bbbbbbbbbbbb'
const groupId = '33333333-3333-4333-8333-cccccccccccc'
const clientId = '44444444-4444-4444-8444-dddddddddddd'
const otherId = '55555555-5555-4555-8555-eeeeeeeeeeee'
const nowMs = Date.UTC(2026, 10, 22, 12)
const nowSeconds = nowMs / 1000

const token: EntraToken = {
  issuer: 'https://issuer.example',
  tenantId,
  objectId,
  clientId,
  scopes: ['VoIP'],
  groups: [groupId],
  expiresAtSeconds: nowSeconds + 3600,
}

describe('the scopes of permissions', () => {
  const clients = 'https://communication.azure.com/clients/'
  const teams = 'https://auth.msft.communication.azure.com/'
  const cases: readonly (readonly [ExchangeFamily, string, readonly Scope[]])[] = [
    ['entra', 'Chat', ['chat']],
    ['entra', 'Chat.Join', ['chat.join']],
    ['entra', 'Chat.Join.Limited', ['chat.join.limited']],
    ['entra', 'VoIP', ['voip']],
    ['entra', 'VoIP.Join', ['voip.join']],
    ['entra', 'voip', ['voip']],
    ['entra', 'VOIP', ['voip']],
    ['entra', `${clients}VoIP`, ['voip']],
    ['entra', `${clients.toUpperCase()}VOIP.JOIN`, ['voip.join']],
    ['entra', 'VoIP Chat Chat', ['chat', 'voip']],
    ['entra', 'openid profile Chat User.Read', ['chat']],
    ['entra', '', []],
    ['entra', '.default', []],
    ['entra', `${clients}.default`, []],
    ['entra', clients, []],
    ['entra', `${clients}${clients}Chat`, []],
    ['entra', 'Chat.Read', []],
    ['entra', 'Chats', []],
    ['entra', 'https://graph.microsoft.com/Chat', []],
    ['entra', `${teams}Chat`, []],
    ['entra', 'x/https://communication.azure.com/clients/Chat', []],
    ['entra', 'TeamsExtension.ManageCalls', []],
    ['entra', 'Teams.ManageCalls', []],
    ['entra', 'constructor __proto__ toString', []],
    ['teamsExtension', 'TeamsExtension.ManageCalls', ['voip']],
    ['teamsExtension', `${teams}TeamsExtension.ManageCalls`, ['voip']],
    [
      'teamsExtension',
      'https://auth.msft.communication.azure.us/teamsextension.managecalls',
      ['voip'],
    ],
    ['teamsExtension', 'https://auth.msft.communication.azure.cn/TeamsExtension.ManageCalls', []],
    ['teamsExtension', 'Chat VoIP Teams.ManageCalls', []],
    ['teamsUser', 'Teams.ManageCalls', ['voip']],
    ['teamsUser', 'Teams.ManageChats', ['chat']],
    ['teamsUser', `${teams}Teams.ManageChats ${teams}Teams.ManageCalls`, ['chat', 'voip']],
    ['teamsUser', 'Chat VoIP TeamsExtension.ManageCalls', []],
  ]
  for (const [family, names, expected] of cases) {
    test(`of ${family} ${names || 'nothing'} are ${expected.join(', ') || 'none'}`, () => {
      assert.deepEqual(scopesOfPermissions(family, names.split(' ')), expected)
    })
  }
})

describe('the window of an exchange', () => {
  const day = 24 * 3600
  const ends: readonly (readonly [what: string, inSeconds: number, lasts: number | undefined])[] = [
    ['a second', 1, 1],
    ['five minutes', 300, 300],
    ['an hour and a half', 5400, 5400],
    ['a day', day, day],
    ['a day and a second', day + 1, day],
    ['a year', 365 * day, day],
    ['a part of a second', 0.9, undefined],
    ['a second and a part', 1.9, 1],
    ['nothing', 0, undefined],
    ['less than nothing', -1, undefined],
    ['no number', Number.NaN, undefined],
    ['no end', Number.POSITIVE_INFINITY, day],
  ]
  for (const [what, inSeconds, lasts] of ends) {
    test(`lasts ${lasts ?? 'no'} seconds where the Entra token has ${what} left`, () => {
      const expected =
        lasts === undefined
          ? undefined
          : { issuedAtSeconds: nowSeconds, expiresAtSeconds: nowSeconds + lasts }
      assert.deepEqual(exchangedWindow(nowMs, nowSeconds + inSeconds), expected)
    })
  }

  test('starts at the second that has begun', () => {
    const window = { issuedAtSeconds: nowSeconds, expiresAtSeconds: nowSeconds + 60 }
    assert.deepEqual(exchangedWindow(nowMs + 999, nowSeconds + 60), window)
  })
})

describe('an id of a directory', () => {
  const ids: readonly (readonly [text: string, id: string | undefined])[] = [
    [objectId, objectId],
    [objectId.toUpperCase(), objectId],
    ['Subject_of-Another', 'Subject_of-Another'],
    ['https://issuer.example/Folder', 'https://issuer.example/Folder'],
    ['a b', 'a b'],
    ['x'.repeat(256), 'x'.repeat(256)],
    ['x'.repeat(257), undefined],
    ['', undefined],
    ['a\0', undefined],
    ['a\n', undefined],
    ['é', undefined],
    ['\ud800', undefined],
  ]
  for (const [text, id] of ids) {
    test(`${JSON.stringify(text).slice(0, 60)} is ${id?.slice(0, 60) ?? 'none'}`, () => {
      assert.equal(directoryId(text), id)
    })
  }
})

describe('an assignment', () => {
  const user: Assignment = {
    family: 'entra',
    tenantId,
    objectId,
    principalType: 'user',
    clientIds: [otherId, clientId],
  }
  const group = { ...user, principalType: 'group', objectId: groupId } as const
  const tenant = { ...user, principalType: 'tenant', objectId: tenantId } as const
  const account = { ...user, family: 'teamsExtension', principalType: 'resourceAccount' } as const
  const cases: readonly (readonly [string, readonly Assignment[], Partial<EntraToken>, boolean])[] =
    [
      ['of the person', [user], {}, true],
      ['of a group of the person', [group], {}, true],
      ['of the tenant', [tenant], {}, true],
      ['of the resource account', [account], {}, true],
      ['of the person beside one of another', [{ ...user, objectId: otherId }, user], {}, true],
      ['of the person, named in capitals', [user], { objectId: objectId.toUpperCase() }, true],
      ['of the application, named in capitals', [user], { clientId: clientId.toUpperCase() }, true],
      ['of a group, named in capitals', [group], { groups: [groupId.toUpperCase()] }, true],
      ['that there is none', [], {}, false],
      ['of another person', [{ ...user, objectId: otherId }], {}, false],
      ['of the person in another tenant', [{ ...user, tenantId: otherId }], {}, false],
      ['of a group in another tenant', [{ ...group, tenantId: otherId }], {}, false],
      ['of another group', [group], { groups: [otherId] }, false],
      ['of a group, of nobody in groups', [group], { groups: [] }, false],
      ['of a group that is called like the person', [{ ...group, objectId }], {}, false],
      ['of a person that is called like a group', [{ ...user, objectId: groupId }], {}, false],
      ['of a person that is called like the tenant', [{ ...user, objectId: tenantId }], {}, false],
      ['of another tenant', [{ ...tenant, tenantId: otherId, objectId: otherId }], {}, false],
      ['of a tenant by another object', [{ ...tenant, objectId: otherId }], {}, false],
      ['without an application', [{ ...user, clientIds: [] }], {}, false],
      ['of another application', [{ ...user, clientIds: [otherId] }], {}, false],
      ['of a token without an application', [user], { clientId: '' }, false],
      ['of an empty application', [{ ...user, clientIds: [''] }], { clientId: '' }, false],
      [
        'of the person and one of the application',
        [
          { ...user, clientIds: [otherId] },
          { ...user, objectId: otherId },
        ],
        {},
        false,
      ],
    ]
  for (const [what, assignments, changes, expected] of cases) {
    test(`${expected ? 'covers' : 'does not cover'} the token: ${what}`, () => {
      const person = personOf({ ...token, ...changes })
      assert.ok(person !== undefined)
      assert.equal(isCovered(assignments, person), expected)
    })
  }
})

describe('the terms of an exchange', () => {
  test('are the person, the scopes and the end of the Entra token', () => {
    assert.deepEqual(
      exchangeTerms('entra', token, nowMs),
      ok({
        person: { issuer: token.issuer, tenantId, objectId, clientId, groups: [groupId] },
        terms: {
          scopes: ['voip'],
          window: { issuedAtSeconds: nowSeconds, expiresAtSeconds: nowSeconds + 3600 },
        },
      }),
    )
  })

  const refused: readonly (readonly [string, Partial<EntraToken>, string])[] = [
    ['no tenant', { tenantId: '' }, 'bearer-malformed'],
    ['a person that cannot be stored', { objectId: 'a\0b' }, 'bearer-malformed'],
    ['no permission', { scopes: [] }, 'bearer-permission-missing'],
    ['nothing left', { expiresAtSeconds: nowSeconds }, 'bearer-expired'],
  ]
  for (const [what, changes, reason] of refused) {
    test(`are none with ${what}: ${reason}`, () => {
      assert.deepEqual(exchangeTerms('entra', { ...token, ...changes }, nowMs), fail(reason))
    })
  }

  test('leave out what no group or application can be called', () => {
    const person = personOf({ ...token, groups: ['a\0', groupId, ''], clientId: 'é' })
    assert.deepEqual([person?.groups, person?.clientId], [[groupId], ''])
  })
})
