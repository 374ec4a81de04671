import assert from 'node:assert/strict'
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type LogLevel, logLevels, openLog, type RequestLine } from './log.ts'

const noonMs = Date.UTC(2026, 10, 22, 12)

const answered: RequestLine = {
  operation: 'CommunicationIdentity_Create',
  status: 201,
  durationMs: 0.125,
  requestId: '11111111-1111-4111-8111-111111111111',
  resourceId: '22222222-2222-4222-8222-222222222222',
  fault: undefined,
  reason: undefined,
}

const refused: RequestLine = {
  operation: 'none',
  status: 401,
  durationMs: 3,
  requestId: '33333333-3333-4333-8333-333333333333',
  resourceId: undefined,
  fault: 'caller-refused',
  reason: 'signature-differs',
}

describe('the log', () => {
  let folder = ''
  let fileCount = 0
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'parley-log-'))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  /**
   * Opens a log on a file, lets `write` say something, and reads what the file holds then. The
   * file stays open: a log lives as long as its process, and goes on looking after its buffer.
   */
  async function linesOf(
    level: LogLevel,
    write: (open: ReturnType<typeof openLog>) => void,
  ): Promise<readonly Readonly<Record<string, unknown>>[]> {
    fileCount += 1
    const path = join(folder, `${fileCount}.log`)
    const open = openLog({ level, fileDescriptor: openSync(path, 'w') })
    write(open)
    await open.settle()
    open.flush()
    const text = readFileSync(path, 'utf8')
    if (text === '') return []
    assert.ok(text.endsWith('\n'))
    return text
      .slice(0, -1)
      .split('\n')
      .map((line) => JSON.parse(line))
  }

  test('has one JSON object a line: level by name, time, fields, message', async () => {
    const [line] = await linesOf('info', ({ log }) =>
      log.warn({ port: 4430 }, 'line\nbreak "quoted"'),
    )
    const { time, ...rest } = line ?? {}
    assert.deepEqual(rest, { level: 'warn', port: 4430, msg: 'line\nbreak "quoted"' })
    assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  })

  test('spells an error out', async () => {
    const error = Object.assign(new Error('no connection'), { code: 'ECONNREFUSED' })
    const [line] = await linesOf('error', ({ log }) => log.error({ err: error }, 'failed'))
    const { stack, ...spelt } = { stack: '', ...(line?.['err'] as object) }
    assert.deepEqual(spelt, { type: 'Error', message: 'no connection', code: 'ECONNREFUSED' })
    assert.match(stack, /^Error: no connection\n +at /)
  })

  test('has a line for each request of a turn, without the fields that are absent', async () => {
    const time = '2026-11-22T12:00:00.000Z'
    const { fault: _, reason: __, ...success } = answered
    const { resourceId: ___, ...refusal } = refused
    assert.deepEqual(
      await linesOf('info', ({ logRequests }) => logRequests([answered, refused], noonMs)),
      [
        { level: 'info', time, ...success, msg: 'request' },
        { level: 'info', time, ...refusal, msg: 'request' },
      ],
    )
  })

  const saying = ['fatal', 'error', 'warn', 'info', 'debug'] as const
  for (const [rank, level] of logLevels.entries()) {
    const said = rank === 0 ? 'nothing' : 'as grave or graver'
    test(`at level ${level} says what is ${said}`, async () => {
      const lines = await linesOf(level, ({ log }) => {
        for (const one of saying) log[one]({}, 'said')
      })
      assert.deepEqual(
        lines.map((line) => line['level']),
        saying.slice(0, rank),
      )
    })

    const showsRequests = level === 'info' || level === 'debug'
    test(`at level ${level} ${showsRequests ? 'shows' : 'does not show'} requests`, async () => {
      const lines = await linesOf(level, ({ logRequests }) => logRequests([answered], noonMs))
      assert.equal(lines.length, showsRequests ? 1 : 0)
    })
  }

  test('keeps lines whole and in order when there are more than its buffer holds', async () => {
    const numbered = Array.from({ length: 500 }, (_, index) => index)
    const lines = await linesOf('info', ({ log, logRequests }) => {
      for (const durationMs of numbered) {
        log.info({ durationMs }, 'before')
        logRequests([{ ...answered, durationMs }], noonMs)
      }
    })
    assert.deepEqual(
      lines.map((line) => [line['durationMs'], line['msg']]),
      numbered.flatMap((durationMs) => [
        [durationMs, 'before'],
        [durationMs, 'request'],
      ]),
    )
  })
})
