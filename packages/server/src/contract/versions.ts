/**
 * The api-versions of the identity service, oldest first. Their names sort by time, so that
 * "exists since" is a comparison of positions.
 *
 * @source ACS Identity, stable and preview versions; `2021-11-01` is one that the service lists.
 */
export const identityVersions = [
  '2020-07-20-preview2',
  '2021-02-22-preview1',
  '2021-03-07',
  '2021-03-31-preview1',
  '2021-10-31-preview',
  '2021-11-01',
  '2022-06-01',
  '2022-10-01',
  '2023-10-01',
  '2025-03-02-preview',
  '2025-06-30',
  '2026-07-22',
  '2026-09-23',
] as const

/** One of `identityVersions`. */
export type IdentityVersion = (typeof identityVersions)[number]

/** The versions in which an operation, a field or a value exists; both ends inclusive. */
export interface VersionRange {
  readonly since: IdentityVersion
  readonly until?: IdentityVersion
}

/** Says whether `version` lies in `range`. */
export function isInRange(version: IdentityVersion, range: VersionRange): boolean {
  const position = identityVersions.indexOf(version)
  const end = range.until === undefined ? Infinity : identityVersions.indexOf(range.until)
  return position >= identityVersions.indexOf(range.since) && position <= end
}

/** The versions of `range`, oldest first. */
export function versionsIn(range: VersionRange): readonly IdentityVersion[] {
  return identityVersions.filter((version) => isInRange(version, range))
}
