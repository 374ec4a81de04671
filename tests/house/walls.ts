import { builtinModules } from 'node:module'
import { posix } from 'node:path'
import { importsOf, type Manifest, manifestsOf, reachableFrom } from './import-graph.ts'
import type { Offence, Rule } from './rule.ts'
import { type HouseFile, isInPackage, packageSources, sources, type Tree } from './tree.ts'

/** What a package may import by name, where that is less than what its package.json names. */
const walls: Readonly<Record<string, readonly string[]>> = {
  'packages/protocol': [],
  'packages/verifier': ['@parley/protocol', 'node:'],
  'packages/calling': ['@parley/protocol'],
  // It speaks the public protocol only: to Parley as to any other service.
  'packages/trusted-service': ['@parley/protocol', 'kysely', 'node:'],
}

/** The walls between packages whose readers or runtimes differ. */
export const packagesKeepTheirWalls: Rule = {
  says: 'a package imports only what its wall lets through and its package.json names',
  check: (tree) => {
    const manifests = manifestsOf(tree)
    return packageSources(tree).flatMap((file) =>
      importsOf(file).flatMap(({ specifier, line }) => {
        if (specifier.startsWith('.')) return []
        const folder = file.path.split('/').slice(0, 2).join('/')
        const what = objection(folder, specifier, manifests)
        return what === undefined ? [] : [{ path: file.path, line, what }]
      }),
    )
  },
  example: {
    files: {
      'packages/protocol/src/a.ts': "import { b } from 'node:crypto'\n",
      'packages/verifier/package.json':
        '{ "dependencies": { "@parley/protocol": "0.1.0", "jose": "6.2.17" } }',
      'packages/verifier/src/a.ts':
        "import '@parley/protocol'\nimport 'node:fs'\nimport type { C } from 'jose'\n",
      'packages/verifier/src/a.test.ts': "import 'node:test'\nimport 'fast-check'\n",
      'packages/trusted-service/package.json':
        '{ "dependencies": { "@parley/server": "0.1.0" }, "peerDependencies": { "kysely": "1" } }',
      'packages/trusted-service/src/a.ts':
        "import 'kysely'\nimport '@parley/server'\nimport '@azure/communication-identity'\n",
      'packages/server/package.json':
        '{ "name": "@parley/server", "dependencies": { "fastify": "5.12.8" } }',
      'packages/server/src/a.ts': "import 'fastify/types'\nimport 'left-pad'\nimport 'fs'\n",
    },
    offences: [
      'packages/protocol/src/a.ts:1: packages/protocol may not import node:crypto',
      'packages/verifier/src/a.ts:3: packages/verifier may not import jose',
      'packages/trusted-service/src/a.ts:2: packages/trusted-service may not import @parley/server',
      'packages/trusted-service/src/a.ts:3: packages/trusted-service may not import ' +
        '@azure/communication-identity',
      'packages/server/src/a.ts:2: left-pad is no dependency in package.json',
      'packages/server/src/a.ts:3: write node:fs',
    ],
  },
}

/** The one room of the server that each library enters by, so that it can be replaced there. */
const libraryRooms: Readonly<Record<string, string>> = {
  fastify: 'http',
  pino: 'foundation',
  postgres: 'database',
  'prom-client': 'foundation',
  '@nats-io/jetstream': 'events',
  '@nats-io/transport-node': 'events',
  '@peculiar/x509': 'tls',
  'reflect-metadata': 'tls',
}

/** What a room needs of a library is handed to it. */
export const librariesHaveOneDoor: Rule = {
  says: 'a library that could be replaced is imported by one room of the server',
  check: (tree) =>
    packageSources(tree)
      .filter(({ path }) => path.startsWith('packages/server/'))
      .flatMap((file) =>
        importsOf(file).flatMap(({ specifier, line }) => {
          const room = libraryRooms[specifier]
          if (room === undefined || file.path.split('/')[3] === room) return []
          return [{ path: file.path, line, what: `only ${room} imports ${specifier}` }]
        }),
      ),
  example: {
    files: {
      'packages/server/src/http/app.ts': "import fastify from 'fastify'\n",
      'packages/server/src/chat/store.ts': "import type { Sql } from 'postgres'\n",
      'packages/server/src/chat/a.test.ts': "import postgres from 'postgres'\n",
    },
    offences: ['packages/server/src/chat/store.ts:1: only database imports postgres'],
  },
}

function objection(
  folder: string,
  specifier: string,
  manifests: readonly Manifest[],
): string | undefined {
  const open = walls[folder]
  const isOpen = open?.some((name) =>
    specifier.startsWith('node:') ? name === 'node:' : name === specifier,
  )
  if (open !== undefined && isOpen !== true) return `${folder} may not import ${specifier}`
  if (specifier.startsWith('node:')) return undefined
  if (builtinModules.includes(specifier)) return `write node:${specifier}`
  const name = /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier
  const manifest = manifests.find((candidate) => candidate.folder === folder)
  const { dependencies, optionalDependencies, peerDependencies } = manifest ?? {}
  const named = { ...dependencies, ...optionalDependencies, ...peerDependencies }
  return name in named || name === manifest?.name
    ? undefined
    : `${name} is no dependency in package.json`
}

/** The entries that run in browsers and at the edge. */
const universalEntries: readonly string[] = [
  'packages/verifier/src/index.ts',
  'packages/verifier/src/nats.ts',
  'packages/trusted-service/src/client.ts',
  'packages/trusted-service/src/browser.ts',
  'packages/calling/src/index.ts',
]

/** What a browser may load brings nothing of Node along. */
export const universalEntriesAreUniversal: Rule = {
  says: 'nothing that an entry for browsers leads to imports a module of Node',
  check: (tree) =>
    [...reachableFrom(tree, universalEntries)].flatMap((path) => {
      const file = tree.get(path)
      if (file === undefined) return []
      return importsOf(file)
        .filter(({ specifier }) => specifier.startsWith('node:'))
        .map(({ specifier, line }) => ({ path, line, what: `reaches ${specifier}` }))
    }),
  example: {
    files: {
      'packages/protocol/package.json':
        '{ "name": "@parley/protocol", "exports": { ".": { "default": "./dist/index.js" } } }',
      'packages/protocol/src/index.ts': "export * from './ids.ts'\n",
      'packages/protocol/src/ids.ts': "import { randomUUID } from 'node:crypto'\n",
      'packages/verifier/src/index.ts':
        "export * from './verify.ts'\nexport * from '@parley/protocol'\n",
      'packages/verifier/src/verify.ts': "import type { Buffer } from 'node:buffer'\n",
      'packages/verifier/src/node.ts': "import 'node:fs'\n",
      'packages/trusted-service/src/client.ts': "import './seal.ts'\n",
      'packages/trusted-service/src/index.ts': "import 'node:http'\n",
      'packages/trusted-service/src/seal.ts': "import 'node:crypto'\n",
    },
    offences: [
      'packages/trusted-service/src/seal.ts:1: reaches node:crypto',
      'packages/protocol/src/ids.ts:1: reaches node:crypto',
      'packages/verifier/src/verify.ts:1: reaches node:buffer',
    ],
  },
}

/** How one file names another. */
export const importsAreWrittenOneWay: Rule = {
  says: 'files are imported by path within a package, ending in .ts, and by name across packages',
  check: (tree) =>
    typeScript(tree).flatMap((file) =>
      importsOf(file).flatMap(({ specifier, line }) => {
        if (!specifier.startsWith('.')) return []
        const target = posix.join(posix.dirname(file.path), specifier)
        const isInside = target.startsWith(homeOf(file.path))
        const objections = [
          ...(isInside ? [] : [`${specifier} leaves the package: import it by name`]),
          ...(/\.ts$/.test(specifier) ? [] : [`${specifier} does not end in .ts`]),
        ]
        return objections.map((what): Offence => ({ path: file.path, line, what }))
      }),
    ),
  example: {
    files: {
      'packages/server/src/chat/a.ts': "import './b.js'\nimport '../../../cli/c.ts'\n",
      'tests/wire/a.test.ts': "import '../world.ts'\nimport '../../bench/d.ts'\n",
    },
    offences: [
      'packages/server/src/chat/a.ts:1: ./b.js does not end in .ts',
      'packages/server/src/chat/a.ts:2: ../../../cli/c.ts leaves the package: import it by name',
      'tests/wire/a.test.ts:2: ../../bench/d.ts leaves the package: import it by name',
    ],
  },
}

/** Names have one home, and one door. */
export const onlyIndexReExports: Rule = {
  says: 'only index.ts exports what another file defines',
  check: (tree) =>
    typeScript(tree)
      .filter(({ path }) => posix.basename(path) !== 'index.ts')
      .flatMap((file) =>
        importsOf(file)
          .filter(({ isReExport }) => isReExport)
          .map(({ specifier, line }) => ({
            path: file.path,
            line,
            what: `re-exports ${specifier}`,
          })),
      ),
  example: {
    files: {
      'packages/protocol/src/index.ts': "export * from './a.ts'\n",
      'packages/protocol/src/a.ts':
        "export * from './b.ts'\nexport {\n  c,\n} from './c.ts'\n" +
        "export type { D } from './d.ts'\n",
    },
    offences: [
      'packages/protocol/src/a.ts:1: re-exports ./b.ts',
      'packages/protocol/src/a.ts:4: re-exports ./c.ts',
      'packages/protocol/src/a.ts:5: re-exports ./d.ts',
    ],
  },
}

function typeScript(tree: Tree): readonly HouseFile[] {
  return sources(tree).filter(({ path }) => path.endsWith('.ts'))
}

/** The folder whose files import each other by path. */
function homeOf(path: string): string {
  const folders = path.split('/')
  return `${folders.slice(0, isInPackage(path) ? 3 : 1).join('/')}/`
}
