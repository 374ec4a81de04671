import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { GatherFull } from './gather.ts'
import { createOneAtATime } from './one-at-a-time.ts'

describe('what is done one at a time', () => {
  test('starts when what came before has ended, in the order of asking', async () => {
    const oneAtATime = createOneAtATime(10)
    const seen: string[] = []
    const work = (name: string) => async () => {
      seen.push(`${name} starts`)
      await Promise.resolve()
      seen.push(`${name} ends`)
      return name
    }
    const names = await Promise.all(['a', 'b', 'c'].map((name) => oneAtATime(work(name))))
    assert.deepEqual(names, ['a', 'b', 'c'])
    assert.deepEqual(seen, ['a starts', 'a ends', 'b starts', 'b ends', 'c starts', 'c ends'])
  })

  test('fails alone: what waits behind it is done', async () => {
    const oneAtATime = createOneAtATime(10)
    const failed = oneAtATime(() => Promise.reject(new Error('broken')))
    const next = oneAtATime(async () => 'done')
    await assert.rejects(failed, /broken/)
    assert.equal(await next, 'done')
  })

  test('is refused when too much waits', async () => {
    const oneAtATime = createOneAtATime(1)
    const first = oneAtATime(async () => 1)
    await assert.rejects(
      oneAtATime(async () => 2),
      GatherFull,
    )
    assert.equal(await first, 1)
  })
})
