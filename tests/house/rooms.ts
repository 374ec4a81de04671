import { findImported, importsOf } from './import-graph.ts'
import type { Offence, Rule } from './rule.ts'
import { isTest, type Tree } from './tree.ts'

const server = 'packages/server/src/'
const orderPattern = /foundation < contract < database < [^`\n]*parley\.ts/

/** They stand above the composition root and may reach anywhere; nothing reaches them. */
const entries: readonly string[] = ['main.ts', 'print-reference.ts', 'verify-audit.ts']

/** The direction of imports inside the server, as ARCHITECTURE.md states it. */
export const roomsImportLeftwards: Rule = {
  says: 'a room of the server imports only rooms left of it in the order of ARCHITECTURE.md',
  check: (tree) => {
    const architecture = tree.get('ARCHITECTURE.md')?.text ?? ''
    const order = orderPattern.exec(architecture)?.[0].split(' < ')
    if (order === undefined) {
      const what = 'lacks the line "foundation < contract < database < ... < parley.ts"'
      return [{ path: 'ARCHITECTURE.md', line: 1, what }]
    }
    return [...tree.keys()]
      .filter((path) => path.startsWith(server) && path.endsWith('.ts'))
      .flatMap((path) => checkRoom(tree, path, order))
  },
  example: {
    files: {
      'ARCHITECTURE.md': '`foundation < contract < database < tokens < chat < parley.ts`\n',
      [`${server}tokens/model.ts`]:
        "import '../contract/a.ts'\nimport type {\n  B\n} from '../chat/b.ts'\n",
      [`${server}tokens/store.ts`]: "import './model.ts'\nimport '../parley.ts'\n",
      [`${server}tokens/store.room.test.ts`]: "import '../parley.ts'\n",
      [`${server}tokens/model.test.ts`]: "import '../chat/b.ts'\n",
      [`${server}contract/a.ts`]: '',
      [`${server}chat/b.ts`]: "const main = await import('../main.ts')\n",
      [`${server}attic/c.ts`]: '',
      [`${server}operations.ts`]: "import './chat/b.ts'\nimport './main.ts'\n",
      [`${server}parley.ts`]: "import './chat/b.ts'\nimport './operations.ts'\n",
      [`${server}main.ts`]: "import './parley.ts'\n",
      [`${server}print-reference.ts`]: "import './contract/a.ts'\n",
    },
    offences: [
      `${server}tokens/model.ts:4: tokens may not import chat, which stands right of it`,
      `${server}tokens/store.ts:2: tokens may not import parley.ts, which stands right of it`,
      `${server}tokens/model.test.ts:1: tokens may not import chat, which stands right of it`,
      `${server}chat/b.ts:1: chat may not import main.ts, which stands right of it`,
      `${server}attic/c.ts:1: attic is not in the order of ARCHITECTURE.md`,
      `${server}operations.ts:2: parley.ts may not import main.ts, which stands right of it`,
    ],
  },
}

function checkRoom(tree: Tree, path: string, order: readonly string[]): readonly Offence[] {
  const room = roomOf(path)
  // A test of a room drives operations through the whole house.
  if (path.endsWith('.room.test.ts') || (isTest(path) && !path.includes('/', server.length))) {
    return []
  }
  const rank = rankOf(room, order)
  if (rank === -1)
    return [{ path, line: 1, what: `${room} is not in the order of ARCHITECTURE.md` }]
  const file = tree.get(path)
  if (file === undefined) return []
  return importsOf(file).flatMap(({ specifier, line }) => {
    const imported = findImported(tree, path, specifier)
    if (imported === undefined || !imported.startsWith(server)) return []
    const target = roomOf(imported)
    if (target === room || rankOf(target, order) < rank) return []
    return [{ path, line, what: `${room} may not import ${target}, which stands right of it` }]
  })
}

/** The folder under `src`. Files that stand in none are the entries or the composition root. */
function roomOf(path: string): string {
  const [room = '', ...rest] = path.slice(server.length).split('/')
  return rest.length > 0 || entries.includes(room) ? room : 'parley.ts'
}

function rankOf(room: string, order: readonly string[]): number {
  return entries.includes(room) ? order.length : order.indexOf(room)
}
