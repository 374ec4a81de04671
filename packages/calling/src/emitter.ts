/** Listens to one kind of event. */
export type Listener<Event> = (event: Event) => void

/**
 * What has events: a table of names and what each brings.
 *
 * A listener that throws hurts neither the others nor the call; its error is reported as one that
 * nobody caught, where browsers and their monitors look for it.
 */
export class Emitter<Events extends object> {
  readonly #listeners: Map<keyof Events, Set<Listener<never>>> = new Map()

  /** Calls `listener` at every event of that name, until `off`. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): void {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners.add(listener))
  }

  /** Ends what `on` began, with the same function. */
  off<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): void {
    this.#listeners.get(name)?.delete(listener)
  }

  /** Tells all who listen at this moment. */
  protected emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        ;(listener as Listener<Events[Name]>)(event)
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}
