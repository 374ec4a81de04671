import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ChatNotice } from '../notices.ts'
import { lineOf, parseNotification, shortIdOf } from './notice-text.ts'

const resourceId = '11111111-1111-4111-8111-111111111111'
const ann = '22222222-2222-4222-8222-222222222222'
const bob = '33333333-3333-4333-8333-333333333333'
const rawId = (id: string) => `8:acs:${resourceId}_${id}`

const typing: ChatNotice = {
  resourceId,
  threadId: '19:t@thread.v2',
  recipients: [rawId(ann), rawId(bob), rawId(ann), '8:orgid:x', `8:acs:${bob}_${ann}`],
  event: {
    kind: 'typingIndicatorReceived',
    by: { rawId: rawId(ann), displayName: 'A\nnn' },
    atMs: 1,
  },
}

describe('a line', () => {
  test('names each identity of the resource once, in 22 characters', () => {
    const { recipients } = lineOf(typing)
    assert.equal(recipients, shortIdOf(ann) + shortIdOf(bob))
    assert.equal(recipients.length, 44)
  })

  test('comes out of a notification as it went in', () => {
    const { recipients, body, identityId, isKept } = lineOf(typing)
    assert.deepEqual([identityId, isKept], [ann, false])
    const text = `${resourceId}\n0 ${recipients} ${body}\n17 ${recipients} ${body}`
    const notices = [0, 17].map((seq) => ({ resourceId, seq, recipients, body }))
    assert.deepEqual(parseNotification(text), { kind: 'notices', notices })
    assert.deepEqual(JSON.parse(body), { threadId: typing.threadId, event: typing.event })
  })

  test('of a deletion by policy is of nobody', () => {
    const event = { kind: 'chatThreadDeleted', by: undefined, atMs: 1 } as const
    const { identityId, isKept } = lineOf({ ...typing, event })
    assert.deepEqual([identityId, isKept], [undefined, true])
  })
})

describe('a notification', () => {
  test('may bring numbers only', () => {
    const numbers = { kind: 'numbers', resourceId, seqs: [3, 5] }
    assert.deepEqual(parseNotification(`${resourceId}\n@3,5`), numbers)
  })

  for (const text of ['', 'x', `${resourceId}\n`, `${resourceId}\n@`, `${resourceId}\n1 x y`]) {
    test(`is none: ${JSON.stringify(text.slice(0, 50))}`, () => {
      assert.equal(parseNotification(text), undefined)
    })
  }
})
