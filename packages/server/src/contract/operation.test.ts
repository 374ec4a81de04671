import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ok } from '@parley/protocol'
import { Type } from '@sinclair/typebox'
import { type Call, resourceOperation } from './operation.ts'

const schema = Type.Object({ count: Type.Integer() })

const described = {
  id: 'Things_Count',
  summary: 'Counts things.',
  method: 'POST',
  path: '/things/{id}/:count',
  versions: { since: '2023-10-01' },
  reply: { status: 200 },
} as const

const call: Call = {
  caller: { resourceId: 'r', accessKey: { slot: 'primary', generation: 1 }, actor: 'a' },
  params: { id: '1' },
  query: {},
  headers: {},
  requestId: 'q',
  body: { count: 2 },
  version: '2023-10-01',
  nowMs: 0,
}

describe('an operation for holders of an access key', () => {
  test('keeps what it is described by, and says who may call', () => {
    const { handle, ...rest } = resourceOperation({ ...described, handle: () => ok({}) })
    assert.deepEqual(rest, { ...described, access: 'resource' })
    assert.deepEqual(handle(call), ok({}))
  })

  test('takes its body as JSON', () => {
    const fieldVersions = { count: { since: '2025-06-30' } } as const
    const body = { schema, isRequired: true, fieldVersions, bytesMax: 10 } as const
    assert.deepEqual(resourceOperation({ ...described, body, handle: () => ok({}) }).body, {
      schemas: { 'application/json': schema },
      isRequired: true,
      fieldVersions,
      bytesMax: 10,
    })
  })

  test('takes its body as a merge patch as well where it says so', () => {
    const body = { schema, isRequired: false, acceptsMergePatch: true } as const
    assert.deepEqual(resourceOperation({ ...described, body, handle: () => ok({}) }).body, {
      schemas: { 'application/json': schema, 'application/merge-patch+json': schema },
      isRequired: false,
    })
  })

  test('hands the call to its handler as it is', () => {
    const calls: unknown[] = []
    const operation = resourceOperation({
      ...described,
      body: { schema, isRequired: true },
      handle(one) {
        calls.push(one)
        return ok(one.body.count)
      },
    })
    assert.deepEqual(operation.handle(call), ok(2))
    assert.deepEqual(calls, [call])
  })
})
