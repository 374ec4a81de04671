import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  type AskedIdentifier,
  faultOfCount,
  faultOfParticipants,
  isAttentive,
  rawIdOf,
  readParticipants,
} from './participants.ts'

const [own, other] = [
  '11111111-1111-4111-8111-111111111111',
  '22222222-2222-4222-8222-222222222222',
]
const rawId = (resourceId: string, last = 'a') =>
  `8:acs:${resourceId}_33333333-3333-4333-8333-${last.repeat(12)}`

const asked = (communicationIdentifier: AskedIdentifier) => ({ communicationIdentifier })

describe('who is asked for', () => {
  const identifiers = [
    [{ communicationUser: { id: 'a' }, rawId: 'b' }, 'a'],
    [{ communicationUser: null, rawId: 'b' }, 'b'],
    [{ rawId: 'b' }, 'b'],
    [{}, ''],
  ] as const
  for (const [identifier, expected] of identifiers) {
    test(`with ${JSON.stringify(identifier)} is ${JSON.stringify(expected)}`, () => {
      assert.equal(rawIdOf(identifier), expected)
    })
  }

  test('is added once, as the last of two says', () => {
    const twice = [
      {
        ...asked({ rawId: rawId(own) }),
        displayName: 'A',
        shareHistoryTime: '2026-01-01T00:00:00Z',
      },
      {
        ...asked({ communicationUser: { id: rawId(own) } }),
        displayName: 'B',
        metadata: { a: '1' },
      },
    ]
    const { participants, invalid } = readParticipants(twice, own)
    const identityId = rawId(own).slice(-36)
    const metadata = { a: '1' }
    assert.deepEqual(invalid, [])
    assert.deepEqual(participants, [
      { identityId, displayName: 'B', shareHistoryAtMs: 0, metadata },
    ])
  })

  const missing = { code: '404', message: 'Not found' }
  const refused = { code: '403', message: 'Permissions check failed' }
  const invalid: readonly (readonly [AskedIdentifier, object])[] = [
    [{ rawId: rawId(other) }, { ...missing, target: rawId(other) }],
    [{ communicationUser: { id: 'x' } }, { ...missing, target: 'x' }],
    [{ rawId: '8:acs:x' }, { ...missing, target: '8:acs:x' }],
    [{ rawId: '8:orgid:x' }, { ...refused, target: '8:orgid:x' }],
    [{ rawId: '4:+49' }, { ...refused, target: '4:+49' }],
    [{}, { ...refused, target: '' }],
  ]
  for (const [identifier, expected] of invalid) {
    test(`is not added with ${JSON.stringify(identifier)}`, () => {
      const read = readParticipants([asked(identifier)], own)
      assert.deepEqual(read, { participants: [], invalid: [expected] })
    })
  }
})

describe('participants of a request', () => {
  test('are 200 at most, with names and metadata that can be stored', () => {
    const one = asked({ rawId: rawId(own) })
    assert.equal(faultOfParticipants(Array(200).fill(one)), undefined)
    assert.equal(faultOfParticipants(Array(201).fill(one))?.field, 'participants')
    const named = [one, { ...one, displayName: '\0' }]
    assert.equal(faultOfParticipants(named)?.field, 'participants[1].displayName')
    const noted = [{ ...one, metadata: { a: 'x'.repeat(1024) } }]
    assert.equal(faultOfParticipants(noted)?.field, 'participants[0].metadata')
  })
})

describe('a thread', () => {
  test('has 250 participants at most, and is told who types up to 20', () => {
    assert.equal(faultOfCount(250), undefined)
    assert.equal(faultOfCount(251)?.field, 'participants')
    assert.deepEqual([isAttentive(20), isAttentive(21)], [true, false])
  })
})
