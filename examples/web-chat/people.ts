/** Somebody who uses the app. */
export interface Person {
  readonly id: string
  readonly name: string
  /** Whether he may take access away from others. */
  readonly isAdmin: boolean
}

/**
 * Who there is. A real app has them in its database and knows them by a password or a passkey; how
 * `examples/clinic` does it shows.
 */
export const people: readonly Person[] = [
  { id: 'ann', name: 'Ann Lindqvist', isAdmin: true },
  { id: 'bob', name: 'Bob Okafor', isAdmin: false },
  { id: 'cleo', name: 'Cleo Martin', isAdmin: false },
]

/** The person of an id. */
export function findPerson(id: unknown): Person | undefined {
  return people.find((person) => person.id === id)
}
