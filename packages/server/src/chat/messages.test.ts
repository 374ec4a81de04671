import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  faultOfContent,
  parseMessageId,
  parseSyncState,
  printSyncState,
  storedContent,
  windowOf,
} from './messages.ts'

describe('the id of a message', () => {
  const ids = [
    ['1', 1],
    ['1795381361225', 1_795_381_361_225],
    ['9007199254740991', 9_007_199_254_740_991],
    ['9007199254740993', undefined],
    ['0', undefined],
    ['01', undefined],
    ['-1', undefined],
    ['1.0', undefined],
    ['1e3', undefined],
    ['', undefined],
  ] as const
  for (const [text, id] of ids) {
    test(`${JSON.stringify(text)} is ${id ?? 'none'}`, () => {
      assert.equal(parseMessageId(text), id)
    })
  }

  test('is kept by a link, and nothing else is read from one', () => {
    assert.equal(parseSyncState(printSyncState(1_795_381_361_225)), 1_795_381_361_225)
    for (const text of ['', '17', 'MTox!', Buffer.from('2:17').toString('base64url')]) {
      assert.equal(parseSyncState(text), text === 'MTox!' ? 1 : undefined)
    }
  })
})

describe('content', () => {
  const max = 28 * 1024
  const contents = [
    ['', true],
    ['x'.repeat(max), true],
    ['x'.repeat(max + 1), false],
    ['\u00e9'.repeat(max / 2), true],
    [`${'\u00e9'.repeat(max / 2)}x`, false],
    ['a\0', false],
  ] as const
  for (const [content, isGood] of contents) {
    test(`of ${Buffer.byteLength(content)} bytes is ${isGood ? 'taken' : 'refused'}`, () => {
      assert.equal(faultOfContent(content) === undefined, isGood)
    })
  }

  test('in text stays as it is', () => {
    assert.equal(storedContent('text', '<script>a & b</script>'), '<script>a & b</script>')
  })

  const html = [
    ['<b>a</b> & b', '<b>a</b> &amp; b'],
    ['a<br>b<hr>', 'a<br />b<hr />'],
    ['<script>x</script>y', 'y'],
    ['<svg onload=x><p>y</p></svg>', '<p>y</p>'],
    ['<a href="https://a.b/" onclick="x" target="_top">y</a>', '<a href="https://a.b/">y</a>'],
    ['<a href="java\nscript:x">y</a><a href="//a.b">z</a>', '<a>y</a><a>z</a>'],
    ['<a href="data:text/html,x">y</a>', '<a>y</a>'],
    ['<img src="https://a.b/c.png" id="i" onerror="x">', '<img id="i" />'],
    ['<p style="position:fixed" class="c" id="i">y</p>', '<p>y</p>'],
    ['<iframe src="x"></iframe><form><input></form>', ''],
    ['<math><mtext><style><img src onerror=x></style></mtext></math>', ''],
    ['<!-- a --><p>b', '<p>b</p>'],
    ['1 < 2 <', '1 &lt; 2 &lt;'],
  ] as const
  for (const [sent, stored] of html) {
    test(`${sent} is stored as ${stored || 'nothing'}`, () => {
      assert.equal(storedContent('html', sent), stored)
    })
  }
})

describe('the messages that somebody may read', () => {
  test('begin with the history that is shared, and end with a removal', () => {
    const reader = { shareHistoryAtMs: 5, removedAtMessage: undefined }
    assert.deepEqual(windowOf(reader), { from: 5, until: Number.MAX_SAFE_INTEGER })
    assert.deepEqual(windowOf({ ...reader, removedAtMessage: 9 }), { from: 5, until: 9 })
  })
})
