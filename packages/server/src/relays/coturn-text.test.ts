import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isAtPrompt, parseSessions, passwordAsks } from './coturn-text.ts'

/** What coturn 4.6.1 of Debian 12 prints, with `\n` for its `\r\n`. */
const version461 = {
  greeting: `TURN Server
Coturn-4.6.1 'Gorst'

Type '?' for help
Enter password: 
`,
  two: `
    1) id=001000000000000003, user <alice>:
      realm: parley
      started 4 secs ago
      expiring in 596 secs
      client protocol UDP, relay protocol UDP
      client addr 127.0.0.1:46482, server addr 127.0.0.1:34781
      relay addr 127.0.0.1:34871
      fingerprints enforced: ON
      mobile: OFF
      usage: rp=7, rb=728, sp=6, sb=388
       rate: r=0, s=0, total=0 (bytes per sec)
      peers:
          127.0.0.1:34803

    2) id=000000000000000001, user <>:
      realm: other.example
      started 4 secs ago
      expiring in 596 secs
      client protocol TCP, relay protocol UDP
      client addr 127.0.0.1:34142, server addr 127.0.0.1:34781
      fingerprints enforced: OFF
      mobile: OFF
      usage: rp=0, rb=0, sp=0, sb=0
       rate: r=0, s=0, total=0 (bytes per sec)

  Total sessions: 2

> `,
  none: `
  Total sessions: 0

> `,
  cut: `
    1) id=001000000000000003, user <alice>:
      realm: parley
      started 4 secs ago
      usage: rp=3, rb=292, sp=2, sb=176
       rate: r=0, s=0, total=0 (bytes per sec)

...

  Total sessions: 5

  Warning: too many output sessions, more than the
  current value of cli-max-output-sessions CLI parameter.
  Refine your request or increase cli-max-output-sessions value.

> `,
} as const

const asSent = (text: string) => text.replaceAll('\n', '\r\n')

describe('the command line of coturn 4.6.1', () => {
  test('shows sessions with their users and realms', () => {
    assert.deepEqual(parseSessions(asSent(version461.two)), {
      sessions: [
        { id: '001000000000000003', user: 'alice', realm: 'parley' },
        { id: '000000000000000001', user: '', realm: 'other.example' },
      ],
      isCut: false,
    })
  })

  test('shows that there are none', () => {
    assert.deepEqual(parseSessions(asSent(version461.none)), { sessions: [], isCut: false })
  })

  test('says that it does not show all', () => {
    assert.deepEqual(parseSessions(asSent(version461.cut)), {
      sessions: [{ id: '001000000000000003', user: 'alice', realm: 'parley' }],
      isCut: true,
    })
  })

  test('asks for the password, and shows by its prompt that it has said all', () => {
    assert.equal(passwordAsks(asSent(version461.greeting)), 1)
    assert.equal(isAtPrompt(asSent(version461.greeting)), false)
    assert.equal(isAtPrompt('> '), true)
    assert.equal(isAtPrompt(asSent(version461.two)), true)
    assert.equal(isAtPrompt(asSent(version461.two.slice(0, -2))), false)
  })
})

describe('what another version may print', () => {
  const strange = [
    ['no total', version461.two.replace('Total sessions: 2', 'sessions=2')],
    ['a session in another form', version461.two.replace('user <alice>', 'username alice')],
    ['a session without its realm', version461.two.replace('      realm: parley\n', '')],
    ['fewer sessions than it counts', version461.two.replace('sessions: 2', 'sessions: 3')],
    ['nothing', ''],
  ] as const
  for (const [what, text] of strange) {
    test(`is not taken for a list: ${what}`, () => {
      assert.equal(parseSessions(asSent(text)), undefined)
    })
  }
})
