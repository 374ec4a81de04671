/** The Janus of Debian, as the tests start it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { lacks } from './daemons.ts'
import { startJanus } from './janus-process.ts'

describe('a Janus of a test', { skip: lacks('Janus', 'janus') }, () => {
  test('starts with its own files, ends, and starts again', async () => {
    const janus = await startJanus()
    assert.doesNotMatch(janus.daemon().said(), /\/etc\/janus/)
    await janus.kill()
    await janus.start()
    await janus.kill()
  })
})
