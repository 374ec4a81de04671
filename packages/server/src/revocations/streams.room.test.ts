import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '../database/embedded/temporary-postgres.ts'
import { migrate } from '../database/migrate.ts'
import type { LogEvent } from '../events/model.ts'
import { createOpenings } from '../events/openings.ts'
import type { Follower } from '../events/tail.ts'
import { createRevocationStreams } from './streams.ts'

const resourceId = '0199a6b2-7c00-7000-8000-00000000000a'
const caller = { resourceId, accessKey: undefined, actor: 'test' }

let temporary: TemporaryPostgres

before(async () => {
  temporary = await startTemporaryPostgres()
  assert.ok((await migrate(temporary.database, Date.UTC(2026, 0))).ok)
})

after(() => temporary.close())

/** Streams of a node whose tail and clock the test is. */
function stage() {
  const clock = { nowMs: 1000 }
  const tails: Follower[] = []
  const streams = createRevocationStreams({
    db: temporary.database,
    feed: { follow: (follower) => void tails.push(follower) },
    openings: createOpenings(),
    ring: { published: () => [], follow: () => undefined },
    isCurrent: () => true,
    monotonicNow: () => clock.nowMs,
    now: () => 0,
  })
  const tell = (seq: number, of = resourceId) => {
    const event = { resourceId: of, kind: 'identity', subject: resourceId, generation: 2 } as const
    for (const tail of tails) void tail.apply({ ...event, seq, forgetAtMs: 0 } satisfies LogEvent)
  }
  /** Opens a stream; to be begun, and the numbers that its reader has been told of. */
  const open = async () => {
    const opened = await streams.open({ caller, afterSeq: 0 })
    assert.ok(opened.ok)
    const heard: number[] = []
    let position = 0
    const read = (text: string) => {
      for (const [, name, data = ''] of text.matchAll(/event: (\S+)\ndata: (.+)\n\n/g)) {
        const { seq, after: afterSeq } = JSON.parse(data)
        if (name !== 'cut-off' && name !== 'heartbeat') continue
        if (name === 'cut-off') assert.ok(afterSeq <= position, `${afterSeq} > ${position}: missed`)
        if (name === 'cut-off' && seq > position) heard.push(seq)
        position = Math.max(position, seq)
      }
    }
    const rest = { end: () => undefined, drained: async () => undefined, abort: () => undefined }
    const begin = () => void opened.value.start({ write: (text) => read(text.toString()), ...rest })
    return { begin, heard }
  }
  return { clock, tell, open, close: streams.close }
}

const turn = () => new Promise(setImmediate)

describe('streams of a resource', () => {
  test('have all of it from their opening on, whenever they were begun', async (t) => {
    const { clock, tell, open, close } = stage()
    t.after(close)
    const first = await open()
    first.begin()
    const second = await open()
    tell(1)
    // What was told is not written yet.
    second.begin()
    await turn()
    const third = await open()
    tell(2)
    await turn()
    tell(4)
    third.begin()
    clock.nowMs += 400
    tell(6)
    await turn()
    tell(7)
    await turn()
    clock.nowMs += 400
    const fourth = await open()
    tell(9)
    tell(10)
    fourth.begin()
    tell(11, '0199a6b2-7c00-7000-8000-00000000000b')
    await turn()
    tell(12)
    await turn()
    const all = [1, 2, 4, 6, 7, 9, 10, 12]
    assert.deepEqual([first.heard, second.heard], [all, all])
    assert.deepEqual([third.heard, fourth.heard], [all.slice(1), all.slice(5)])
  })
})
