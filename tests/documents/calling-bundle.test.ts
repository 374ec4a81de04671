/** What a page pays for `@parley/calling`, as bundlers make it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const resolveDir = fileURLToPath(new URL('../../', import.meta.url))
const gzippedBytesMax = 15_000

describe('the bundle of @parley/calling', () => {
  test(`has at most ${gzippedBytesMax} bytes gzipped, and nothing of Node`, async () => {
    const bundled = await build({
      stdin: { contents: "export * from '@parley/calling'", resolveDir },
      ...{ bundle: true, minify: true, write: false, format: 'esm', platform: 'browser' },
      metafile: true,
      logLevel: 'silent',
    })
    const [script] = bundled.outputFiles
    const gzippedBytes = gzipSync(script?.contents ?? '').length
    assert.ok(gzippedBytes > 1000, 'the bundle is empty')
    assert.ok(gzippedBytes <= gzippedBytesMax, `${gzippedBytes} bytes`)
    const inputs = Object.keys(bundled.metafile.inputs).filter((path) => path !== '<stdin>')
    assert.ok(inputs.every((path) => /packages\/(?:calling|protocol)\/dist\//.test(path)))
  })
})
