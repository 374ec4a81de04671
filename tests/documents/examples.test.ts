/**
 * What the pages show can be pasted: programs parse, scripts and settings exist.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fencesOf, readPages, root } from './markdown.ts'

const pages = readPages()

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

describe('a program on a page', () => {
  const programs = pages.flatMap((page) =>
    fencesOf(page)
      .filter(({ language }) => ['js', 'ts'].includes(language))
      .map((fence) => ({ ...fence, place: `${page.path}:${fence.line}` })),
  )

  for (const [index, { language, code, place }] of programs.entries()) {
    test(`parses: ${place}`, () => {
      assert.equal(language, 'js', 'what can be pasted and run needs no compiler')
      const { PARLEY_TEST_FOLDER } = process.env
      assert.ok(PARLEY_TEST_FOLDER !== undefined, 'run by tests/dist/run.js')
      const folder = join(PARLEY_TEST_FOLDER, 'examples')
      mkdirSync(folder, { recursive: true })
      const file = join(folder, `${index}.mjs`)
      writeFileSync(file, code)
      const { status, stderr } = spawnSync(process.execPath, ['--check', file], {
        encoding: 'utf8',
      })
      assert.equal(status, 0, stderr)
    })
  }
})

describe('a command on a page', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }

  for (const page of pages) {
    test(`names scripts that exist: ${page.path}`, () => {
      const npmScripts = [...page.text.matchAll(/\bnpm (?:run ([a-z:-]*[a-z])|(start|test)\b)/g)]
        .map(([, run, own]) => run ?? own ?? '')
        .filter((name) => !(name in scripts))
      const files = [...page.text.matchAll(/\bnode (\w+\/[\w./-]+\.mjs)/g)]
        .map(([, path = '']) => path)
        .filter((path) => !existsSync(join(root, path)))
      assert.deepEqual([...npmScripts, ...files], [])
    })
  }
})

describe('a variable on a page', () => {
  const sources = [
    'packages/server/src/foundation/settings.ts',
    'packages/server/src/foundation/janus-settings.ts',
    'packages/server/src/foundation/livekit-settings.ts',
    'packages/server/src/foundation/turn-settings.ts',
    'packages/server/src/foundation/phone-edge.ts',
    'packages/server/src/admin/environment-file.ts',
    // Names its stream in NATS so.
    'packages/server/src/events/nats/line.ts',
    'tests/tiers/process.ts',
    'tests/simulation/simulation.test.ts',
  ]
  const variable = /\bPARLEY_[A-Z_]*[A-Z]\b/g
  const known = new Set(sources.flatMap((path) => read(path).match(variable) ?? []))

  for (const page of pages) {
    test(`is one that is read or written: ${page.path}`, () => {
      const named = new Set(page.text.match(variable) ?? [])
      assert.deepEqual(
        [...named].filter((name) => !known.has(name)),
        [],
      )
    })
  }
})
