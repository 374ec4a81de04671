/**
 * The bodies of notifications beside those with which the SDK's browser build was driven.
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { NoticeEvent, NoticeMessage, NoticeProperties } from '@parley/server/chat/notices'
import { printDelivery, printNotice } from '@parley/server/chat/realtime/bodies'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const { PARLEY_CONTRACTS: contracts = join(root, '..', 'shared', 'contracts') } = process.env
const file = join(contracts, 'vectors', 'realtime-events.json')
const skip = existsSync(file) ? false : `there are no vectors at ${file} (PARLEY_CONTRACTS)`
if (skip !== false) console.log(`skipped: the bodies of notifications (${skip})`)

type Body = Readonly<Record<string, unknown>>

interface Vectors {
  readonly events: readonly { readonly event: NoticeEvent['kind']; readonly body: Body }[]
}

const atMs = Date.parse('2026-01-01T00:00:00.000Z')
const ann = { rawId: '8:acs:r_u1', displayName: 'Ann' }
const bob = { rawId: '8:acs:r_u2', displayName: 'Bob' }
const message: NoticeMessage = {
  id: '1700000000000',
  version: '1700000000000',
  type: 'text',
  content: 'hello',
  senderDisplayName: 'Ann',
  createdAtMs: atMs,
  metadata: { k: 'v' },
}
const properties: NoticeProperties = {
  topic: 'T',
  metadata: { a: 'b' },
  deleteAfterDays: 60,
}
const renamed: NoticeProperties = { topic: 'T2', metadata: undefined, deleteAfterDays: undefined }

/** What happened in each vector. */
const events: readonly NoticeEvent[] = [
  { kind: 'chatMessageReceived', by: ann, message },
  { kind: 'chatMessageEdited', by: ann, message, atMs: atMs + 1000 },
  { kind: 'chatMessageDeleted', by: ann, message, atMs: atMs + 2000 },
  { kind: 'typingIndicatorReceived', by: ann, atMs },
  { kind: 'readReceiptReceived', by: ann, messageId: message.id, atMs: 1_700_000_001_000 },
  { kind: 'chatThreadCreated', by: ann, atMs, members: [ann], properties },
  { kind: 'chatThreadPropertiesUpdated', by: ann, atMs, properties: renamed },
  { kind: 'chatThreadDeleted', by: ann, atMs },
  { kind: 'participantsAdded', by: ann, atMs, people: [bob] },
  { kind: 'participantsRemoved', by: ann, atMs, people: [bob] },
]

function bodyOf(event: NoticeEvent): Body {
  const printed = printNotice('19:t@thread.v2', event)
  const frame = printDelivery(printed, { number: 7, rawId: '8:acs:r_u' })
  assert.equal(frame.slice(0, 4), '3:::')
  const { body, ...rest } = JSON.parse(frame.slice(4))
  assert.deepEqual(rest, { id: 7, method: 'POST', url: '/', headers: {} })
  return JSON.parse(body)
}

/** The vectors number versions as they like; ours are times. */
function withoutVersion(body: Body): Body {
  const { version, messageBody, ...rest } = body
  assert.equal(typeof (version ?? ''), 'string')
  if (body['eventId'] !== 246) return { ...rest, messageBody }
  const { messageVisibilityTime, version: inner, ...receipt } = JSON.parse(String(messageBody))
  assert.deepEqual([typeof messageVisibilityTime, typeof inner], ['number', 'string'])
  return { ...rest, receipt }
}

describe('the body of a notification', { skip }, () => {
  const vectors: Vectors = skip === false ? JSON.parse(readFileSync(file, 'utf8')) : { events: [] }

  test('is known of every vector', () => {
    assert.deepEqual(
      events.map(({ kind }) => kind),
      vectors.events.map(({ event }) => event),
    )
  })

  for (const { event: kind, body } of vectors.events) {
    test(`of ${kind} is that of the vector`, () => {
      const event = events.find((one) => one.kind === kind)
      assert.ok(event !== undefined)
      assert.deepEqual(withoutVersion(bodyOf(event)), withoutVersion(body))
    })
  }

  test('names its recipient, whatever anybody has written', () => {
    const content = '\u0000 \\u0000 "recipientMri":"x" 100%'
    const body = bodyOf({ kind: 'chatMessageReceived', by: ann, message: { ...message, content } })
    assert.deepEqual([body['recipientMri'], body['messageBody']], ['8:acs:r_u', content])
  })

  test('comes through unescape where the client calls that', () => {
    const topic = '100% %41 %u0041 ü'
    const { properties: printed } = bodyOf({
      kind: 'chatThreadPropertiesUpdated',
      ...{ by: ann, atMs, properties: { ...renamed, topic } },
    })
    assert.equal(JSON.parse(unescape(String(printed))).topic, topic)
  })

  test('of a thread that its policy has deleted says so', () => {
    const body = bodyOf({ kind: 'chatThreadDeleted', by: undefined, atMs })
    assert.equal(body['reason'], 'deletedByPolicy')
  })
})
