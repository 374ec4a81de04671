import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { parseClosingLines } from './closing-lines.ts'
import { runTier, type TierOutcome } from './process.ts'
import { compiledPathFor, listTestSources, type Tier, tiers } from './table.ts'

const root = join(import.meta.dirname, '..', '..', '..')

const places = [
  ['packages/server/src/tokens/model.test.ts', 'rules'],
  ['packages/server/src/tokens/operations.room.test.ts', 'rooms'],
  ['tests/rooms/tenancy.test.ts', 'rooms'],
  ['tests/wire/identity-1.3.test.ts', 'wire'],
  ['tests/browsers/call.test.ts', 'browsers'],
  ['tests/calls/janus.test.ts', 'calls'],
  ['tests/worlds/kills.test.ts', 'worlds'],
  ['tests/model/leases.test.ts', 'model'],
  ['tests/documents/readme.test.ts', 'documents'],
  ['tests/house.test.ts', 'house'],
  ['tests/house/imports.test.ts', 'house'],
  ['tests/lost.test.ts', ''],
] as const

describe('the tiers', () => {
  for (const [path, expected] of places) {
    test(`place ${path} in ${expected || 'none of them'}`, () => {
      const holding = tiers.filter((tier) => tier.holds(path)).map((tier) => tier.name)
      assert.deepEqual(holding, expected === '' ? [] : [expected])
    })
  }

  test('hold every test of the repository, each in one tier', () => {
    const lost = listTestSources(root).filter(
      (path) => tiers.filter((tier) => tier.holds(path)).length !== 1,
    )
    assert.deepEqual(lost, [])
  })

  test('know where a source is compiled to', () => {
    const room = 'packages/server/src/chat/store.room.test.ts'
    assert.equal(compiledPathFor(room), 'packages/server/dist/chat/store.room.test.js')
    assert.equal(compiledPathFor('tests/wire/a.test.ts'), 'tests/dist/wire/a.test.js')
  })
})

describe('the closing lines of a run', () => {
  const lines = (mark: string) =>
    ['tests 9', 'suites 1', 'pass 4', 'fail 1', 'cancelled 1', 'skipped 2', 'todo 1']
      .map((line) => `${mark} ${line}\n`)
      .join('')

  for (const mark of ['#', '\u2139', '\u001b[34m\u2139']) {
    test(`are read behind ${JSON.stringify(mark)}`, () => {
      assert.deepEqual(parseClosingLines(lines(mark)), { passed: 4, failed: 2, skipped: 3 })
    })
  }

  test('are the last ones, whatever a test printed before', () => {
    const output = `# pass 700\n# fail 0\n# tests 700\n${lines('#')}`
    assert.deepEqual(parseClosingLines(output), { passed: 4, failed: 2, skipped: 3 })
  })

  test('are absent when the run ended early', () => {
    assert.equal(parseClosingLines('# something else\n'), undefined)
  })
})

describe('the process of a tier', () => {
  test('counts what passed, failed and was left out, and prints the failure', async () => {
    const { outcome, printed } = await runSource(
      'mixed',
      `test('passes', () => {})
       test('fails', () => { throw new Error('seen') })
       test('waits', { skip: 'no moon' }, () => {})`,
    )
    const counts = { passed: 1, failed: 1, skipped: 1 }
    assert.deepEqual(outcome, { kind: 'failed', reason: 'see above', counts })
    assert.match(printed, /failed: fails\n.*mixed\.js:\d+\n.*Error: seen/)
    assert.match(printed, /skipped: waits \(no moon\)/)
    assert.doesNotMatch(printed, /passes/)
  })

  test('passes when every test does', async () => {
    const { outcome } = await runSource('passing', `test('passes', () => {})`)
    assert.deepEqual(outcome, { kind: 'ran', counts: { passed: 1, failed: 0, skipped: 0 } })
  })

  const faults = [
    ['a file without tests', '', /no test was run/],
    ['a file that throws while it loads', `throw new Error('early')`, /^see above$/],
    ['a process that exits at once', 'process.exit(0)', /^ended by 0 without/],
    [
      'an exit code that contradicts the closing lines',
      `test('passes', () => {}); process.on('exit', () => { process.exitCode = 3 })`,
      /^ended by 3$/,
    ],
    [
      'something left open beyond the limit',
      `test('passes', () => {}); setInterval(() => {}, 1000)`,
      /^not over after 1 s/,
    ],
  ] as const
  for (const [index, [name, source, reason]] of faults.entries()) {
    test(`fails for ${name}`, async () => {
      const { outcome } = await runSource(`fault-${index}`, source)
      assert.ok(outcome.kind === 'failed')
      assert.match(outcome.reason, reason)
    })
  }

  test('fails for a source that was not compiled', async () => {
    const outcome = await runTier({ ...ofHouse(), files: ['gone.js'] })
    assert.ok(outcome.kind === 'failed')
    assert.match(outcome.reason, /^not built: gone\.js/)
  })

  test('is not started when there is no file', async () => {
    assert.deepEqual(await runTier({ ...ofHouse(), files: [] }), { kind: 'absent' })
  })

  test('ends early when asked', async () => {
    const stop = AbortSignal.timeout(300)
    const { outcome } = await runSource('endless', 'setInterval(() => {}, 1000)', stop)
    assert.ok(outcome.kind === 'failed')
    assert.equal(outcome.reason, 'interrupted')
  })
})

/** Runs the text of one test file as a tier of its own, within a second. */
async function runSource(
  name: string,
  source: string,
  stop = new AbortController().signal,
): Promise<{ readonly outcome: TierOutcome; readonly printed: string }> {
  const { folder } = testFolder()
  writeFileSync(join(folder, `${name}.js`), `import { test } from 'node:test'\n${source}\n`)
  let printed = ''
  const print = (text: string) => {
    printed += text
  }
  const outcome = await runTier({ ...ofHouse(), files: [`${name}.js`], stop, print })
  return { outcome, printed }
}

function ofHouse() {
  const tier: Tier = { name: 'sample', limitSeconds: 1, holds: () => true }
  const stop = new AbortController().signal
  return { root: testFolder().folder, tier, stop, print: () => {} }
}

function testFolder(): { readonly folder: string } {
  const { PARLEY_TEST_FOLDER } = process.env
  assert.ok(PARLEY_TEST_FOLDER !== undefined, 'run by tests/dist/run.js')
  const folder = join(PARLEY_TEST_FOLDER, 'tiers')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n')
  return { folder }
}
