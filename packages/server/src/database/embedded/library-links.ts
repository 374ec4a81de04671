import { randomUUID } from 'node:crypto'
import { access, mkdir, readdir, readFile, readlink, rename, symlink } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { isSystemError } from '../system-errors.ts'
import type { PostgresPackage } from './postgres-package.ts'

/** One name under which a library must be found: both paths are relative to the package. */
interface LibraryLink {
  readonly source: string
  readonly target: string
}

/**
 * Makes the links through which the binaries find their libraries (`libicuuc.so.60` and the like).
 *
 * npm packages cannot hold symbolic links. The package has an install script for them, and npm is
 * told to run none. So they are made here, inside the package; where that is read-only, in a folder
 * of the data directory that the loader is pointed to. Starting twice at once is harmless.
 *
 * @param fallbackDirectory - created when it is needed. Its path must hold no colon then: the
 * loader takes one for the end of the path.
 * @returns the folder to put on the library path, `undefined` when the package is complete.
 */
export async function ensureLibraryLinks(
  postgresPackage: PostgresPackage,
  fallbackDirectory: string,
): Promise<string | undefined> {
  const { root } = postgresPackage
  const missing = await missingLinks(root)
  try {
    for (const { source, target } of missing) {
      await linkUnlessThere(relative(dirname(target), source), join(root, target))
    }
    return undefined
  } catch (error) {
    if (!isSystemError(error, 'EROFS', 'EACCES', 'EPERM')) throw error
  }
  await mkdir(fallbackDirectory, { recursive: true, mode: 0o755 })
  // A library looks for its own needs beside the link it was found by, so all of them go there.
  for (const { source, target } of [...(await listLibraries(root)), ...missing]) {
    await pointLink(join(root, source), join(fallbackDirectory, basename(target)))
  }
  return fallbackDirectory
}

async function missingLinks(root: string): Promise<readonly LibraryLink[]> {
  const missing: LibraryLink[] = []
  for (const link of await listLinks(root)) {
    try {
      await access(join(root, link.target))
    } catch (error) {
      if (!isSystemError(error, 'ENOENT')) throw error
      missing.push(link)
    }
  }
  return missing
}

async function listLinks(root: string): Promise<readonly LibraryLink[]> {
  try {
    return JSON.parse(await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8'))
  } catch (error) {
    // A platform without such links has no list of them.
    if (isSystemError(error, 'ENOENT')) return []
    throw error
  }
}

async function listLibraries(root: string): Promise<readonly LibraryLink[]> {
  const names = await readdir(join(root, 'native', 'lib'))
  const libraries = names.filter((name) => /\.(so|dylib)(\.|$)/.test(name))
  return libraries
    .map((name) => join('native', 'lib', name))
    .map((path) => ({ source: path, target: path }))
}

async function linkUnlessThere(text: string, place: string): Promise<void> {
  try {
    await symlink(text, place)
  } catch (error) {
    if (!isSystemError(error, 'EEXIST')) throw error
  }
}

/** Makes `place` a link to `library`; one that leads elsewhere (a moved install) is replaced. */
async function pointLink(library: string, place: string): Promise<void> {
  if ((await findLink(place)) === library) return
  const draft = `${place}.${randomUUID()}`
  await symlink(library, draft)
  await rename(draft, place)
}

async function findLink(place: string): Promise<string | undefined> {
  try {
    return await readlink(place)
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'EINVAL')) return undefined
    throw error
  }
}
