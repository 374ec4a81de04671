import { scopes as allScopes, fail, isScope, ok, type Result } from '@parley/protocol'
import { Argument, Option } from 'commander'
import type { Act, CommandWords } from '../command.ts'
import { textOrInput } from '../command.ts'
import { decodeToken } from '../decode.ts'
import { explainToken } from '../explain.ts'
import type { CliFault } from '../faults.ts'
import { facts } from '../output.ts'
import { wholeNumber } from './identity.ts'

const version = 'api-version=2026-09-23'
const tokenArgument = () => new Argument('<token>', 'its text, or - for standard input')

/** `parley token issue|decode|explain|revoke`. */
export const tokenCommands: readonly CommandWords[] = [
  {
    name: 'issue',
    summary: 'Issue an access token; prints its text',
    args: [new Argument('[identity]', '8:acs:<resource>_<id>; without one, a new identity')],
    options: [
      new Option('--scopes <list>', `some of ${allScopes.join(',')}`).default('chat'),
      new Option('--minutes <n>', 'lifetime, 60 to 1440').argParser(wholeNumber(60, 1440)),
      new Option('--device <label>', 'shown beside the token in parley who'),
    ],
    examples: ['parley token issue --scopes chat,voip --minutes 60'],
    act: ([identity], options) => issue(identity as string | undefined, options),
  },
  {
    name: 'decode',
    summary: 'Show what a token says, believing all of it',
    args: [tokenArgument()],
    act: ([token]) => decode(token as string),
  },
  {
    name: 'explain',
    summary: 'Say whether a token is live, and why it is not',
    args: [tokenArgument()],
    act: ([token]) => explainToken(token as string),
  },
  {
    name: 'revoke',
    summary: 'Make tokens void; returns when they are dead on every server',
    options: [
      new Option('--identity <id>', 'all tokens of an identity'),
      new Option('--issued-before <time>', 'with --identity: those issued before, RFC 3339'),
      new Option('--jti <id>', 'one token, by its id'),
      new Option('--token <text>', 'one token, by its text, or - for standard input'),
    ],
    examples: ['parley token revoke --identity 8:acs:...', 'parley token revoke --token - < token'],
    act: (_, options) => revoke(options as RevokeOptions),
  },
]

interface IssuedToken {
  readonly token: string
  readonly expiresOn: string
}

function issue(identity: string | undefined, options: Readonly<Record<string, unknown>>): Act {
  return async ({ owner }) => {
    const scopes = readScopes(options['scopes'] as string)
    if (!scopes.ok) return scopes
    const ask = owner()
    if (!ask.ok) return ask
    const { minutes, device } = options as { minutes?: number; device?: string }
    const headers = device === undefined ? {} : { 'x-parley-device': device }
    const lifetime = minutes === undefined ? {} : { expiresInMinutes: minutes }
    if (identity === undefined) {
      const body = { createTokenWithScopes: scopes.value, ...lifetime }
      const path = `/identities?${version}`
      const answer = await ask.value({ method: 'POST', path, body, headers })
      if (!answer.ok) return answer
      const made = answer.value as { identity: { id: string }; accessToken: IssuedToken }
      return ok({
        json: { identity: made.identity.id, ...made.accessToken },
        text: made.accessToken.token,
      })
    }
    const path = `/identities/${encodeURIComponent(identity)}/:issueAccessToken?${version}`
    const body = { scopes: scopes.value, ...lifetime }
    const answer = await ask.value({ method: 'POST', path, body, headers })
    if (!answer.ok) return answer
    const issued = answer.value as IssuedToken
    return ok({ json: { identity, ...issued }, text: issued.token })
  }
}

function readScopes(text: string): Result<readonly string[], CliFault> {
  const named = text.split(',').map((scope) => scope.trim())
  const unknown = named.find((scope) => !isScope(scope))
  if (unknown === undefined) return ok(named)
  return fail({
    kind: 'usage',
    message: `there is no scope ${JSON.stringify(unknown)}`,
    hint: `Scopes are ${allScopes.join(', ')}, joined by commas.`,
  })
}

function decode(given: string): Act {
  return async ({ world }) => {
    const text = await textOrInput(world, given)
    if (!text.ok) return text
    const decoded = decodeToken(text.value)
    if (!decoded.ok) return decoded
    const { header, claims } = decoded.value
    const json = JSON.stringify({ header, claims }, undefined, 2)
    return ok({ json: { header, claims }, text: `${json}\nNothing of this was verified.` })
  }
}

interface RevokeOptions {
  readonly identity?: string
  readonly issuedBefore?: string
  readonly jti?: string
  readonly token?: string
}

interface Outcome {
  readonly value: readonly [{ readonly status: 'revoked' | 'unknown' | 'invalid' }]
  readonly seq: number
  readonly confirmedOn: string
}

function revoke(options: RevokeOptions): Act {
  return async ({ world, owner }) => {
    const { identity, issuedBefore, jti, token } = options
    const given = [identity, jti, token].filter((value) => value !== undefined)
    if (given.length !== 1 || (issuedBefore !== undefined && identity === undefined)) {
      return fail({ kind: 'usage', message: 'say one of --identity, --jti and --token' })
    }
    const text = token === undefined ? ok(undefined) : await textOrInput(world, token)
    if (!text.ok) return text
    const ask = owner()
    if (!ask.ok) return ask
    const target = { identity, issuedBefore, jti, token: text.value }
    const path = '/parley/revocations'
    const answer = await ask.value({ method: 'POST', path, body: { targets: [target] } })
    if (!answer.ok) return answer
    const { value, seq, confirmedOn } = answer.value as Outcome
    const [{ status }] = value
    const text2 = facts({ status, seq: String(seq), 'dead everywhere since': confirmedOn })
    if (status === 'revoked') return ok({ json: { status, seq, confirmedOn }, text: text2 })
    return ok({
      json: { status },
      text: status === 'unknown' ? 'nothing like that is live' : 'the target cannot be read',
      exitCode: 1,
    })
  }
}
