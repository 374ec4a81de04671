import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { markedAsOf, midsOf, ufragOf, withOwners } from './sdp.ts'

const lines = (...text: readonly string[]) => `${text.join('\r\n')}\r\n`

const session = ['v=0', 'o=- 1 2 IN IP4 10.0.0.1', 's=-', 't=0 0', 'a=group:BUNDLE 0 1']
const sound = ['m=audio 9 UDP/TLS/RTP/SAVPF 111', 'a=ice-ufrag:ab+/', 'a=mid:0', 'a=sendonly']
const video = ['m=video 9 UDP/TLS/RTP/SAVPF 96', 'a=ice-ufrag:ab+/', 'a=mid:v1', 'a=sendonly']
const offer = lines(...session, ...sound, 'a=msid:janus janus0', ...video, 'a=msid:janus janus1')

describe('a description of media', () => {
  test('names its connection and its media', () => {
    assert.equal(ufragOf(offer), 'ab+/')
    assert.deepEqual(midsOf(offer), ['0', 'v1'])
    assert.equal(ufragOf(lines(...session)), undefined)
    assert.deepEqual(midsOf(lines(...session)), [])
  })

  test('says whose each medium is, and of those that are nobody\u2019s nothing', () => {
    assert.equal(
      withOwners(offer, new Map([['v1', 'leg']])),
      lines(...session, ...sound, ...video, 'a=msid:leg leg-v1'),
    )
  })

  test('says nothing of streams by their sources', () => {
    const sources = ['a=ssrc:7 cname:janus', 'a=ssrc:7 msid:janus janus0', 'a=ssrc:7 label:x']
    assert.equal(
      withOwners(lines(...session, ...sound, ...sources), new Map()),
      lines(...session, ...sound, 'a=ssrc:7 cname:janus'),
    )
  })

  test('is marked before its first medium as belonging to an offer', () => {
    assert.equal(
      markedAsOf(lines(...session, ...sound), 'cd'),
      lines(...session, 'a=parley-of:cd', ...sound),
    )
  })
})
