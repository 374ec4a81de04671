import { ok } from '@parley/protocol'
import { Option } from 'commander'
import type { Act, CommandWords } from '../command.ts'
import { wholeNumber } from './identity.ts'

/** `parley start`: the flags are the settings that are met first; all others are variables. */
export const startCommand: CommandWords = {
  name: 'start',
  summary: 'Start a server; all its settings are variables, these flags set some of them',
  options: [
    new Option('--data-dir <path>', 'PARLEY_DATA_DIR'),
    new Option('--host <address>', 'PARLEY_HOST'),
    new Option('--https-port <n>', 'PARLEY_HTTPS_PORT').argParser(wholeNumber(0, 65_535)),
    new Option('--http-port <n>', 'PARLEY_HTTP_PORT').argParser(wholeNumber(0, 65_535)),
    new Option('--database-url <url>', 'PARLEY_DATABASE_URL'),
  ],
  act: (_, options) => start(options),
}

const variables: Readonly<Record<string, string>> = {
  dataDir: 'PARLEY_DATA_DIR',
  host: 'PARLEY_HOST',
  httpsPort: 'PARLEY_HTTPS_PORT',
  httpPort: 'PARLEY_HTTP_PORT',
  databaseUrl: 'PARLEY_DATABASE_URL',
}

function start(options: Readonly<Record<string, unknown>>): Act {
  return async ({ world }) => {
    const set = Object.entries(variables).flatMap(([flag, variable]) => {
      const value = options[flag]
      return value === undefined ? [] : [[variable, String(value)] as const]
    })
    await world.startServer(Object.fromEntries(set))
    return ok({ json: {}, text: '' })
  }
}
