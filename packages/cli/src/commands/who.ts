import { ok } from '@parley/protocol'
import { Option } from 'commander'
import { listAll } from '../api.ts'
import type { Act, CommandWords } from '../command.ts'
import { createProgress, table } from '../output.ts'
import { tokensPath, wholeNumber } from './identity.ts'

interface LiveToken {
  readonly jti: string
  readonly identity: string
  readonly scopes: readonly string[]
  readonly expiresOn: string
  readonly accessKey?: string
  readonly device?: string
}

const shownDefault = 1_000

/** `parley who`: who can still get in. */
export const whoCommand: CommandWords = {
  name: 'who',
  summary: 'List who can still get in: the live tokens of the resource, the oldest first',
  options: [
    new Option('--identity <id>', 'of one identity only'),
    new Option('--max <n>', 'how many at most')
      .default(shownDefault)
      .argParser(wholeNumber(1, 10_000_000)),
  ],
  act: (_, options) => who(options as { identity?: string; max: number }),
}

function who({ identity, max }: { readonly identity?: string; readonly max: number }): Act {
  return async ({ world, owner }) => {
    const ask = owner()
    if (!ask.ok) return ask
    const progress = createProgress(world, 'tokens')
    const path = identity === undefined ? '/parley/tokens' : tokensPath(identity)
    const listed = await listAll<LiveToken>(ask.value, path, { max, onPage: progress.show })
    progress.end()
    if (!listed.ok) return listed
    const { items, isWhole } = listed.value
    const rows = items.map((token) => [
      token.identity,
      token.scopes.join(','),
      token.expiresOn,
      token.accessKey ?? 'bearer',
      token.device ?? '-',
      token.jti,
    ])
    const text = table(['identity', 'scopes', 'expires', 'issued under', 'device', 'jti'], rows)
    const more = isWhole ? [] : [`There are more: --max ${max * 10}`]
    return ok({
      json: { tokens: items, isWhole },
      text: items.length === 0 ? 'nobody' : [text, ...more].join('\n'),
    })
  }
}
