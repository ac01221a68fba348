/** The watch over the memory of processes, with real ones. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { watchMemory } from '../../src/sandbox/memory-watch.ts'

describe('the watch over memory', () => {
  it('sums up a process and those below it', async () => {
    // Neither of the two has 30 MiB.
    const script = 'my $mine = "x" x (20 << 20); $| = 1; fork; my $own = "y" x (1 << 20); print "."; sleep 30'
    const child = spawn('perl', ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'], detached: true })
    try {
      await once(child.stdout, 'data')
      const exceeded = await new Promise<string>((resolve) => {
        const unwatch = watchMemory(child.pid ?? 0, 30 << 20, () => resolve('30 MiB'))
        watchMemory(child.pid ?? 0, 1 << 30, () => resolve('1 GiB'))()
        child.on('exit', unwatch)
      })
      expect(exceeded).toBe('30 MiB')
    } finally {
      process.kill(-(child.pid ?? 0), 'SIGKILL')
    }
  })
})
