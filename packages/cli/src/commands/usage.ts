import { ok } from '@parley/protocol'
import { Option } from 'commander'
import { listAll } from '../api.ts'
import type { Act, CommandWords } from '../command.ts'
import { table } from '../output.ts'

interface UsageHour {
  readonly hour: string
  readonly meter: string
  readonly quantity: number
}

/** `parley usage`: what was used, by hour and meter. */
export const usageCommand: CommandWords = {
  name: 'usage',
  summary: 'Show what was used, by hour and meter',
  options: [
    new Option('--from <time>', 'the first hour, RFC 3339'),
    new Option('--to <time>', 'the end, RFC 3339; that hour is not in it'),
    new Option('--meter <name>', 'one meter only'),
  ],
  act: (_, options) => usage(options as { from?: string; to?: string; meter?: string }),
}

function usage({ from, to, meter }: { from?: string; to?: string; meter?: string }): Act {
  return async ({ owner }) => {
    const ask = owner()
    if (!ask.ok) return ask
    const filters = Object.entries({ from, to, meter }).filter(([, value]) => value !== undefined)
    const query = new URLSearchParams(filters as [string, string][])
    const listed = await listAll<UsageHour>(ask.value, `/usage?${query}`)
    if (!listed.ok) return listed
    const { items } = listed.value
    const rows = items.map(({ hour, meter: name, quantity }) => [hour, name, String(quantity)])
    return ok({
      json: { usage: items },
      text: items.length === 0 ? 'nothing' : table(['hour', 'meter', 'quantity'], rows),
    })
  }
}
