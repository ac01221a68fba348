/** What the collectors read of a deployment, and all that the checks judge. */
import type { Policy, Upstream } from '../policy/policy.ts'
import type { Problem } from '../policy/problem.ts'
import type { Outcome } from './finding.ts'

/** Something that was read, or why it could not be. */
export type Looked<T> = { readonly value: T } | { readonly why: string }

/** A listening TCP socket of this host. */
export interface Listener {
  /** An IP address; `0.0.0.0` or `::` for all. */
  readonly host: string
  readonly port: number
  /** Of the socket, by which its process is found. */
  readonly inode: number
}

/** What a model server says about itself. Absent parts are those of another kind of server. */
export interface ServerFacts {
  readonly upstream: Upstream
  readonly port: number
  /** Whether it runs on this host, in this network namespace. */
  readonly isHere: boolean
  /** Environment variables of its process. */
  readonly environment: Looked<Readonly<Record<string, string>>>
  /** Addresses of this host other than loopback at which it answers. */
  readonly reachableAt: readonly string[]
  readonly version: Looked<string>
  /** Whether web pages of any origin may call it. */
  readonly anyOrigin?: Looked<boolean>
  /** Whether Ollama's cloud models are switched off. */
  readonly cloudOff?: Looked<boolean>
  /** Whether it answers without a key. */
  readonly isKeyless?: Looked<boolean>
  /** Whether it offers models of galleries for installation. */
  readonly hasGalleries?: Looked<boolean>
}

/** What others may do with a file; see `collect/files.ts` for which. */
export interface FileFacts {
  readonly path: string
  /** What it is, as the subject of a sentence. */
  readonly name: string
  readonly isFolder: boolean
  /** Permission bits; undefined: there is no such file. */
  readonly mode: Looked<number | undefined>
}

/** What Redis says about itself. */
export interface RedisFacts {
  readonly isLoopback: boolean
  /** Whether it answers without a password. */
  readonly isOpen: boolean
  readonly evictionPolicy: string | undefined
  /** Whether what it holds survives a restart; undefined: it does not tell. */
  readonly isPersistent: boolean | undefined
}

/** A port of a container that the host publishes. */
export interface PublishedPort {
  readonly container: string
  readonly image: string
  readonly host: string
  readonly hostPort: number
  readonly containerPort: number
}

/** A file named `.env`. */
export interface EnvFile {
  readonly path: string
  readonly mode: number
  /** Whether it lies in a Git repository that does not ignore it. */
  readonly isTracked: boolean
}

/** All facts about a deployment. */
export interface Facts {
  readonly nowMs: number
  readonly policyFile: string
  readonly policy: Policy
  readonly warnings: readonly Problem[]
  /** Whether this command runs in a container, so that published ports cannot be seen. */
  readonly inContainer: boolean
  readonly listeners: Looked<readonly Listener[]>
  readonly servers: readonly ServerFacts[]
  /** The policy, keys and other secrets. */
  readonly secretFiles: readonly FileFacts[]
  readonly auditFiles: readonly FileFacts[]
  readonly envFiles: readonly EnvFile[]
  /** Undefined: the policy has no Redis. */
  readonly redis: Looked<RedisFacts> | undefined
  /** Whether the clock is synchronised. */
  readonly clock: Looked<boolean>
  /** Of the disk with the audit log, in bytes. */
  readonly disk: Looked<{ readonly free: number; readonly total: number }>
  /** How many files the gateway may open; `isGateway`: read of the running one, else of this command. */
  readonly openFiles: Looked<{ readonly limit: number; readonly isGateway: boolean }>
  /** What the gateway may use, in bytes. */
  readonly memoryBytes: number
  /** Such as `24.1.0`. */
  readonly nodeVersion: Looked<string>
  /** Undefined: there is no Docker. */
  readonly published: Looked<readonly PublishedPort[]> | undefined
}

/** A judgement over facts. Pure. */
export type Check = (facts: Facts) => readonly Outcome[]
