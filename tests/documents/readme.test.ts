import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fencesOf, readPage } from './markdown.ts'

describe('the README', () => {
  const page = readPage('README.md')
  const fences = fencesOf(page)
  const shell = fences.filter(({ language }) => language === 'sh').map(({ code }) => code.trim())

  test('has the two commands and no other for setting up', () => {
    const setUp = shell.filter((code) => /\bnpm\b/.test(code))
    assert.deepEqual(setUp, ['npm ci && npm start', 'npm ci && npm test'])
  })

  test('has a program of at most eight lines, for the SDK and nothing else', () => {
    const [program] = fences.filter(({ language }) => language === 'js')
    const lines = (program?.code ?? '').trimEnd().split('\n')
    assert.ok(lines.length > 1 && lines.length <= 8, `${lines.length} lines`)
    const imported = [...(program?.code ?? '').matchAll(/from '([^']+)'/g)].map(([, name]) => name)
    assert.deepEqual(imported, ['@azure/communication-identity'])
  })

  test('shows the banner as the server prints it', () => {
    const [banner] = fences.filter(({ language }) => language === 'text')
    const shown = (banner?.code ?? '').split('\n')
    const program = shown.filter((line) => line.startsWith('    ')).length
    assert.ok(shown.some((line) => /^endpoint=https:\S+\/;accesskey=\S+$/.test(line)))
    assert.ok(shown.some((line) => line.startsWith('export NODE_EXTRA_CA_CERTS=')))
    assert.ok(program > 0 && program <= 8, `${program} lines`)
  })

  test('is read in five minutes', () => {
    // 200 words a minute; what is shown as code is looked at rather than read.
    const prose = page.text.replace(/^```[\s\S]*?^```$/gm, '')
    const wordCount = prose.split(/\s+/).length
    assert.ok(wordCount <= 1000, `${wordCount} words`)
  })
})
