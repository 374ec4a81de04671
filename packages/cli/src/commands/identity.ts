import { fail, ok, type Result } from '@parley/protocol'
import { Argument, InvalidArgumentError, Option } from 'commander'
import { type Ask, listAll } from '../api.ts'
import type { Act, CommandWords } from '../command.ts'
import type { CliFault } from '../faults.ts'
import { createProgress, facts } from '../output.ts'

const version = 'api-version=2026-09-23'
const countMax = 1_000_000
const atOnce = 16

/** Reads a whole number of a range; the error that commander prints says which. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = Number(text)
    if (/^\d+$/.test(text) && number >= min && number <= max) return number
    throw new InvalidArgumentError(`It is a whole number from ${min} to ${max}.`)
  }
}

interface CreatedIdentity {
  readonly identity: { readonly id: string; readonly lastTokenIssuedAt?: string }
}

/** `parley identity create|show|delete`. */
export const identityCommands: readonly CommandWords[] = [
  {
    name: 'create',
    summary: 'Create identities',
    options: [
      new Option(
        '--custom-id <text>',
        'the same text gives the same identity; only a hash is kept',
      ),
      new Option('--count <n>', 'how many').argParser(wholeNumber(1, countMax)),
    ],
    examples: ['parley identity create', 'parley identity create --count 1000 > identities.txt'],
    act: (_, { customId, count = 1 }) => create(customId as string | undefined, count as number),
  },
  {
    name: 'show',
    summary: 'Show an identity and how many tokens of it are live',
    args: [new Argument('<identity>', '8:acs:<resource>_<id>')],
    act: ([identity]) => show(identity as string),
  },
  {
    name: 'delete',
    summary: 'Delete identities, their tokens and their data',
    args: [new Argument('<identities...>', '8:acs:<resource>_<id>')],
    act: ([identities]) => remove(identities as readonly string[]),
  },
]

function create(customId: string | undefined, count: number): Act {
  return async ({ world, owner }) => {
    if (customId !== undefined && count !== 1) {
      return fail({ kind: 'usage', message: '--custom-id names one identity: leave --count out' })
    }
    const ask = owner()
    if (!ask.ok) return ask
    const body = customId === undefined ? {} : { customId }
    const make = async (): Promise<Result<string, CliFault>> => {
      const path = `/identities?${version}`
      const answer = await ask.value({ method: 'POST', path, body })
      return answer.ok ? ok((answer.value as CreatedIdentity).identity.id) : answer
    }
    const progress = createProgress(world, 'identities', count === 1 ? undefined : count)
    const made = await many(count, make, count === 1 ? () => {} : progress.show)
    if (count !== 1) progress.end()
    if (made.fault !== undefined && made.values.length === 0) return fail(made.fault)
    if (made.fault !== undefined) {
      // What was made must not be lost with the error.
      world.print(`${made.values.join('\n')}\n`)
      return fail({ ...made.fault, message: `${made.fault.message}, after ${made.values.length}` })
    }
    return ok({ json: { identities: made.values }, text: made.values.join('\n') })
  }
}

/** Does something `count` times, some at once, until one fails. */
async function many<Value>(
  count: number,
  act: () => Promise<Result<Value, CliFault>>,
  onDone: (count: number) => void,
): Promise<{ readonly values: readonly Value[]; readonly fault: CliFault | undefined }> {
  const values: Value[] = []
  let started = 0
  let fault: CliFault | undefined
  const work = async () => {
    while (started < count && fault === undefined) {
      started += 1
      const result = await act()
      if (result.ok) values.push(result.value)
      else fault = result.fault
      onDone(values.length)
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, work))
  return { values, fault }
}

function show(identity: string): Act {
  return async ({ owner }) => {
    const ask = owner()
    if (!ask.ok) return ask
    const path = `/identities/${encodeURIComponent(identity)}?${version}`
    const found = await ask.value({ method: 'GET', path })
    if (!found.ok) return found
    const tokens = await listAll<object>(ask.value, tokensPath(identity))
    if (!tokens.ok) return tokens
    const { id, lastTokenIssuedAt } = found.value as CreatedIdentity['identity']
    const liveTokens = tokens.value.items.length
    return ok({
      json: { id, lastTokenIssuedAt, liveTokens },
      text: facts({
        identity: id,
        'last token': lastTokenIssuedAt ?? 'never',
        'live tokens': String(liveTokens),
      }),
    })
  }
}

/** Where the live tokens of an identity are listed. */
export function tokensPath(identity: string): string {
  return `/parley/identities/${encodeURIComponent(identity)}/tokens`
}

function remove(identities: readonly string[]): Act {
  return async ({ world, owner }) => {
    const ask = owner()
    if (!ask.ok) return ask
    const progress = createProgress(world, 'deleted', identities.length)
    const deleted: string[] = []
    for (const identity of identities) {
      const gone = await removeOne(ask.value, identity)
      if (!gone.ok) {
        progress.end()
        const done = deleted.length === 0 ? '' : `; ${deleted.length} were deleted before it`
        return fail({ ...gone.fault, message: `${identity}: ${gone.fault.message}${done}` })
      }
      deleted.push(identity)
      progress.show(deleted.length)
    }
    progress.end()
    return ok({ json: { deleted }, text: deleted.map((id) => `deleted ${id}`).join('\n') })
  }
}

async function removeOne(ask: Ask, identity: string): Promise<Result<unknown, CliFault>> {
  const path = `/identities/${encodeURIComponent(identity)}?${version}`
  return ask({ method: 'DELETE', path })
}
