/** What an event is told with; nothing, where there is nothing to say. */
type Told<Value> = Value extends void ? [value?: Value] : [value: Value];

/**
 * Tells listeners of what happens. `Events` names the events, and what each is told with.
 *
 * A listener that throws does not keep the others from being told; its error is reported as one of nobody's.
 */
export class Emitter<Events extends object> {
  #listeners: { [Event in keyof Events]?: Set<(value: Events[Event]) => void> } = {};

  /** Listens to an event. The function that is returned ends it. */
  on<Event extends keyof Events>(event: Event, listener: (value: Events[Event]) => void): () => void {
    (this.#listeners[event] ??= new Set()).add(listener);
    return () => this.off(event, listener);
  }

  /** Ends what `on` began with the same listener. */
  off<Event extends keyof Events>(event: Event, listener: (value: Events[Event]) => void): void {
    this.#listeners[event]?.delete(listener);
  }

  /** Tells everybody who listens at this moment. */
  protected emit<Event extends keyof Events>(event: Event, ...[value]: Told<Events[Event]>): void {
    for (const listener of [...(this.#listeners[event] ?? [])]) {
      try {
        listener(value as Events[Event]);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  /** Forgets all listeners. */
  protected forgetListeners(): void {
    this.#listeners = {};
  }
}
