/** What the launcher must know of the machine and of the process it runs in. */
export interface PlatformFacts {
  readonly platform: NodeJS.Platform
  /** As `process.arch`. */
  readonly arch: string
  /** Numeric id of the account this process runs as; `undefined` where there is no such thing. */
  readonly uid: number | undefined
  /** Of the environment only `PATH` is read, to find `setpriv`; nothing else reaches a child. */
  readonly env: { readonly PATH?: string | undefined }
}

/** The three methods of a logger that the launcher uses; pino has them. */
export interface LauncherLog {
  info(object: object, message: string): void
  warn(object: object, message: string): void
  error(object: object, message: string): void
}

/** The variables a child of the launcher is started with. */
export type ChildEnvironment = {
  readonly PATH: string
  readonly LC_ALL: string
  readonly TZ: string
  readonly LD_LIBRARY_PATH?: string
  readonly DYLD_LIBRARY_PATH?: string
  readonly PG_GRANDPARENT_PID?: string
}

/**
 * The environment of every child: nothing of the server's own, whose variables hold secrets.
 *
 * @param libraryDirectory - where the loader finds libraries that do not lie beside the binaries.
 */
export function childEnvironment(
  facts: PlatformFacts,
  libraryDirectory: string | undefined,
): ChildEnvironment {
  const path = facts.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin'
  const environment = { PATH: path, LC_ALL: 'C', TZ: 'UTC' }
  if (libraryDirectory === undefined) return environment
  return {
    ...environment,
    LD_LIBRARY_PATH: libraryDirectory,
    DYLD_LIBRARY_PATH: libraryDirectory,
  }
}
