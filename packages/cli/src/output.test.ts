import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createProgress, facts, sayFault, table } from './output.ts'

describe('output for people', () => {
  test('stands in columns, with no blanks at the ends of lines', () => {
    const text = table(
      ['a', 'long head', 'c'],
      [
        ['wide cell', 'b', ''],
        ['1', '2', '3'],
      ],
    )
    assert.equal(text, 'a          long head  c\nwide cell  b\n1          2          3')
  })

  test('leaves out what is not known', () => {
    assert.equal(facts({ id: '1', host: undefined, state: 'ok' }), 'id:    1\nstate: ok')
  })
})

describe('a fault', () => {
  function said(isJson: boolean): { readonly code: number; readonly text: string } {
    let text = ''
    const printError = (more: string) => {
      text += more
    }
    const fault = { kind: 'refused', message: 'no', code: 'Denied', hint: 'Try.' } as const
    return { code: sayFault({ printError }, fault, isJson), text }
  }

  test('is told with its code and what to do', () => {
    assert.deepEqual(said(false), { code: 1, text: 'parley: no (Denied)\nTry.\n' })
  })

  test('is one line of JSON for programs', () => {
    const { error } = JSON.parse(said(true).text) as { error: object }
    assert.deepEqual(error, { kind: 'refused', message: 'no', code: 'Denied', hint: 'Try.' })
  })
})

describe('progress', () => {
  function shown(isWatched: boolean, total?: number): readonly string[] {
    const lines: string[] = []
    let nowMs = 1_000
    const printError = (line: string) => void lines.push(line)
    const progress = createProgress({ printError, isWatched, now: () => nowMs }, 'items', total)
    progress.show(1)
    progress.show(2)
    nowMs += 100
    progress.show(3)
    progress.show(4)
    progress.end()
    return lines
  }

  test('is not shown where nobody looks', () => {
    assert.deepEqual(shown(false, 4), [])
  })

  test('is shown ten times a second at most, and at its end', () => {
    const bar = (filled: number) => `${'#'.repeat(filled)}${'.'.repeat(30 - filled)}`
    assert.deepEqual(shown(true, 4), [
      `\ritems [${bar(7)}] 1/4`,
      `\ritems [${bar(22)}] 3/4`,
      `\ritems [${bar(30)}] 4/4`,
      '\r\u001b[K',
    ])
  })

  test('counts where the total is not known', () => {
    assert.deepEqual(shown(true), ['\ritems 1', '\ritems 3', '\r\u001b[K'])
  })
})
