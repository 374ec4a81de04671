import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { deletedGeneration, fail, ok, printIdentityName } from '@parley/protocol'
import type { Database } from '../database/connect.ts'
import type { Confirmation } from '../events/feed.ts'
import type { Resource } from '../resources/model.ts'
import { createVoiding } from './voiding.ts'

const resourceId = '0190a5ad-93f4-7c1e-8d2b-3c4d5e6f7a8b'
const identityId = '11111111-1111-4111-8111-111111111111'
const id = printIdentityName({ resourceId, identityId })
const caller = { resourceId, accessKey: undefined, actor: 'a' }
const call = { caller, params: { id }, requestId: '' }
const row = { subject: identityId, generation: deletedGeneration, seq: 1, appended_at_ms: 0 }

/** Deletes an identity that is there once, and confirms when the test says so. */
function deletion() {
  let isThere = true
  const published: { readonly confirm: () => void }[] = []
  const publish = () =>
    new Promise<Confirmation>((resolve) =>
      published.push({
        confirm: () => resolve({ seq: 1, confirmedAtMs: 0 }),
      }),
    )
  const statement = () => {
    const rows = isThere ? [row] : []
    isThere = false
    return Promise.resolve(rows)
  }
  // Of the parts of the statement only the whole is waited for.
  const db = async (texts: readonly string[]) => (texts[0]?.includes('with') ? statement() : [])
  const room = {
    db: db as unknown as Database,
    feed: {
      publish: (events: readonly unknown[]) =>
        events.length === 0 ? Promise.resolve({ seq: 0, confirmedAtMs: 0 }) : publish(),
      follow: () => undefined,
    },
    now: () => 0,
    findResource: () => resource,
  }
  return {
    voidIdentity: createVoiding(room, { cutOff: (within) => within``, isOnce: true }),
    published,
  }
}

const resource: Resource = {
  resourceId,
  subscriptionId: resourceId,
  resourceGroup: 'group',
  name: 'name',
  dataLocation: 'UK',
  isLocalAuthDisabled: false,
  isSubscriptionEnabled: true,
}

async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

describe('voiding', () => {
  test('answers when every node knows, not before', async () => {
    const { voidIdentity, published } = deletion()
    const answer = voidIdentity(call, 'Test')
    await settled()
    assert.equal(await Promise.race([answer, 'waits']), 'waits')
    published[0]?.confirm()
    assert.deepEqual(await answer, ok(undefined))
    assert.deepEqual(await voidIdentity(call, 'Test'), fail({ kind: 'identity-not-owned' }))
  })
})
