import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createPostgresLog, parsePostgresLine } from './postgres-log.ts'

describe('a line of the log of PostgreSQL', () => {
  const lines = [
    ['LOG:  checkpoints are occurring too frequently', 'notice'],
    ['WARNING:  terminating connection', 'warning'],
    ['ERROR:  duplicate key value violates unique constraint "resource_name"', 'error'],
    ['FATAL:  the database system is shutting down', 'error'],
    ['PANIC:  could not write to file', 'error'],
    ['\tcontinued from the line before', 'notice'],
    ['sh: 1: postgres: not found', 'notice'],
  ] as const
  for (const [line, severity] of lines) {
    test(`${JSON.stringify(line)} is of severity ${severity}`, () => {
      assert.equal(parsePostgresLine(line).severity, severity)
    })
  }
})

describe('the log of PostgreSQL', () => {
  function listen() {
    const written: string[] = []
    const heard = createPostgresLog({
      info: (_, message) => written.push(`info ${message}`),
      warn: (_, message) => written.push(`warn ${message}`),
      error: (_, message) => written.push(`error ${message}`),
    })
    return { heard, written }
  }

  test('is passed on while the database runs', () => {
    const { heard, written } = listen()
    heard.enter('running')
    heard.take('WARNING:  disk is slow')
    heard.take('PANIC:  disk is gone')
    assert.deepEqual(written, ['warn disk is slow', 'error disk is gone'])
  })

  test('is kept back while it starts and stops, except recovery and panics', () => {
    const { heard, written } = listen()
    heard.take('LOG:  listening on Unix socket')
    heard.take('LOG:  database system was not properly shut down; automatic recovery in progress')
    heard.enter('stopping')
    heard.take('FATAL:  terminating connection due to administrator command')
    heard.take('PANIC:  could not sync')
    assert.deepEqual(written, [
      'warn Recovering the database from an unclean end',
      'error could not sync',
    ])
  })

  test('remembers its last twenty lines, for the fault of a start that failed', () => {
    const { heard } = listen()
    for (let line = 1; line <= 25; line++) heard.take(`LOG:  ${line}`)
    const recent = heard.recent()
    assert.equal(recent.length, 20)
    assert.equal(recent[0], 'LOG:  6')
    assert.equal(recent[19], 'LOG:  25')
  })
})
