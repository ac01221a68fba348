/** The one connection on which a gateway hears what others publish: Redis lets such a connection ask nothing else. */
import { type Connection, revive } from './connection.ts'

/** Hears messages on channels. */
export interface Subscriber {
  /**
   * Calls back soon after a message on a channel, as long as the connection holds. What must not be missed is asked for
   * from time to time as well.
   * @returns what ends it
   */
  listen(channel: string, listener: () => void): () => void
  /** Connects again what was given up. To be called from time to time. */
  revive(): void
  close(): void
}

/**
 * Makes a subscriber that connects when somebody listens first.
 * @param connect makes the connection, when somebody listens first
 * @param onError told of a channel that Redis does not let it hear
 */
export function createSubscriber(connect: () => Connection, onError: (error: Error) => void): Subscriber {
  const channels = new Map<string, Set<() => void>>()
  let connection: Connection | undefined
  const subscribe = (channel: string) => void connection?.subscribe(channel).catch(onError)
  const open = () => {
    const opened = connect()
    // Whenever a connection is made.
    opened.on('ready', () => {
      for (const channel of channels.keys()) subscribe(channel)
    })
    opened.on('message', (channel: string) => {
      for (const listener of channels.get(channel) ?? []) listener()
    })
    return opened
  }
  return {
    listen(channel, listener) {
      connection ??= open()
      const listeners = channels.get(channel) ?? new Set()
      channels.set(channel, listeners.add(listener))
      if (listeners.size === 1 && connection.status === 'ready') subscribe(channel)
      return () => void listeners.delete(listener)
    },
    revive() {
      if (connection) revive(connection)
    },
    close: () => connection?.disconnect(),
  }
}
