// The four recordings commands.

import { setTimeout as sleep } from 'node:timers/promises';
import type { SessionId } from '../../core/operation.ts';
import { isSessionId } from '../../core/operation.ts';
import { parseDuration } from '../../config/schema/scalars.ts';
import { openCast } from '../../replay/cast.ts';
import type { Cast } from '../../replay/cast.ts';
import { readLines } from '../../replay/segments.ts';
import { searchCast } from '../../replay/search.ts';
import { toInertText } from '../../terminal/inert.ts';
import { AdminError } from '../admin/client.ts';
import type { Terminal } from '../command.ts';
import { EXIT_FAILURE, EXIT_OK, UsageError } from '../command.ts';
import { exportCast, toFormat } from './export.ts';
import type { Flags } from './flags.ts';
import { FILTER_FLAGS, openReading, parseFlags, refuseFlags, toFilter } from './flags.ts';
import { printList } from './list.ts';
import { playCast } from './play.ts';
import type { Reading } from './source.ts';

type Act = (reading: Reading, terminal: Terminal) => Promise<number>;

const PLAY_FLAGS = ['speed', 'idle-limit'] as const;
const EXPORT_FLAGS = ['format', 'output'] as const;
const MAX_SPEED = 1000;
const DEFAULT_IDLE_LIMIT_MS = 5_000;

export async function runRecordings(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values, positionals } = parseFlags(args);
  const act = toAct(values, positionals);
  const reading = await openReading(values, terminal);
  try {
    return await act(reading, terminal);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    terminal.err(`error: ${toWords(error)}\n`);
    return EXIT_FAILURE;
  } finally {
    reading.source.close();
  }
}

function toAct(flags: Flags, [verb, what, ...others]: readonly string[]): Act {
  if (others.length > 0) throw new UsageError('one recording, or one text, at a time');
  switch (verb) {
    case 'list': {
      if (what !== undefined) throw new UsageError('list takes no id');
      refuseFlags(flags, [...PLAY_FLAGS, ...EXPORT_FLAGS, 'ignore-case', 'identity'], verb);
      const filter = toFilter(flags, Date.now());
      return async ({ source }, terminal) => {
        printList(await source.list(filter), { wide: flags.wide === true }, terminal);
        return EXIT_OK;
      };
    }
    case 'play': {
      refuseFlags(flags, [...FILTER_FLAGS, ...EXPORT_FLAGS, 'ignore-case', 'wide'], verb);
      const id = toId(what);
      const options = { speed: toSpeed(flags.speed), idleLimitMs: toIdleLimit(flags['idle-limit']), wait };
      return (reading, terminal) =>
        untilInterrupted((signal) =>
          withCast(reading, id, terminal, (cast) => playCast(cast, terminal, options, signal)),
        );
    }
    case 'export': {
      refuseFlags(flags, [...FILTER_FLAGS, ...PLAY_FLAGS, 'ignore-case', 'wide'], verb);
      const id = toId(what);
      const format = toFormat(flags.format);
      return (reading, terminal) => exportRecording(reading, id, terminal, format, flags.output);
    }
    case 'search': {
      refuseFlags(flags, [...PLAY_FLAGS, ...EXPORT_FLAGS, 'wide'], verb);
      if (what === undefined || what === '') throw new UsageError('the text to search for is missing');
      const filter = toFilter(flags, Date.now());
      const options = { text: what, ignoreCase: flags['ignore-case'] === true };
      return (reading, terminal) => search(reading, filter, options, terminal);
    }
    default:
      throw new UsageError('list, play, export or search?');
  }
}

/** What is wrong with it goes to standard error, each once, and into the exit code. */
async function withCast(
  reading: Reading,
  id: SessionId,
  terminal: Terminal,
  use: (cast: Cast) => Promise<void>,
): Promise<number> {
  const problems = new Set<string>();
  const onProblem = (problem: string): void => {
    if (!problems.has(problem)) terminal.err(`warning: ${toInertText(`${id}: ${problem}`)}\n`);
    problems.add(problem);
  };
  const lines = await openLines(reading, id, onProblem);
  try {
    await use(await openCast(lines, onProblem));
  } finally {
    // What was not read to its end holds a file open.
    await lines.return(undefined);
  }
  return problems.size === 0 ? EXIT_OK : EXIT_FAILURE;
}

async function openLines(
  { source, decrypt }: Reading,
  id: SessionId,
  onProblem: (problem: string) => void,
): Promise<AsyncGenerator<Buffer>> {
  const summary = await source.summary(id);
  if (summary === undefined) throw new Error(`there is no recording ${id}`);
  if (summary.encrypted && decrypt === undefined) {
    throw new Error(`recording ${id} is encrypted, and --identity is missing`);
  }
  return readLines(source.segments(id, onProblem), { decrypt, onProblem });
}

async function exportRecording(
  reading: Reading,
  id: SessionId,
  terminal: Terminal,
  format: ReturnType<typeof toFormat>,
  output: string | undefined,
): Promise<number> {
  if (format === 'asciicast-v3') {
    const problems: string[] = [];
    const onProblem = (problem: string): void => {
      problems.push(problem);
      terminal.err(`warning: ${toInertText(`${id}: ${problem}`)}\n`);
    };
    await exportCast(await openLines(reading, id, onProblem), format, output, terminal);
    return problems.length === 0 ? EXIT_OK : EXIT_FAILURE;
  }
  return withCast(reading, id, terminal, (cast) => exportCast(cast, format, output, terminal));
}

async function search(
  reading: Reading,
  filter: ReturnType<typeof toFilter>,
  options: { readonly text: string; readonly ignoreCase: boolean },
  terminal: Terminal,
): Promise<number> {
  const result = { found: false, isWhole: true };
  for (const { id } of await reading.source.list(filter)) {
    try {
      const code = await withCast(reading, id, terminal, async (cast) => {
        for await (const { atMs, line } of searchCast(cast, options)) {
          result.found = true;
          terminal.out(`${id}  ${toOffset(atMs)}  ${toInertText(line.trimEnd())}\n`);
        }
      });
      result.isWhole &&= code === EXIT_OK;
    } catch (error) {
      // One that cannot be read must not hide the others.
      result.isWhole = false;
      terminal.err(`warning: ${id}: ${toWords(error)}\n`);
    }
  }
  if (!result.isWhole) terminal.err('warning: not all of what was asked about could be searched\n');
  return result.found && result.isWhole ? EXIT_OK : EXIT_FAILURE;
}

/** Ctrl-C ends it in an orderly way: the terminal is left as it was found. */
async function untilInterrupted(work: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const controller = new AbortController();
  const onInterrupt = (): void => controller.abort();
  process.once('SIGINT', onInterrupt);
  try {
    return await work(controller.signal);
  } finally {
    process.off('SIGINT', onInterrupt);
  }
}

async function wait(ms: number, signal: AbortSignal): Promise<void> {
  if (ms >= 1) await sleep(ms, undefined, { signal }).catch(() => undefined);
}

/** `1:02:03.456`. */
function toOffset(atMs: number): string {
  const at = new Date(Math.round(atMs)).toISOString();
  return `${Math.floor(atMs / 3_600_000)}${at.slice(13, 23)}`;
}

function toId(text: string | undefined): SessionId {
  if (text === undefined) throw new UsageError('the id of the recording is missing');
  if (!isSessionId(text))
    throw new UsageError('the id of a recording is a UUID, as `recordings list` shows it');
  return text;
}

function toSpeed(text: string | undefined): number {
  const speed = text === undefined ? 1 : Number(text);
  if (speed > 0 && speed <= MAX_SPEED) return speed;
  throw new UsageError(`--speed: a number above 0, at most ${MAX_SPEED}`);
}

function toIdleLimit(text: string | undefined): number {
  const ms = text === undefined ? DEFAULT_IDLE_LIMIT_MS : parseDuration(text);
  if (ms === undefined) throw new UsageError('--idle-limit: a duration such as 2s');
  return ms;
}

function toWords(error: unknown): string {
  if (error instanceof AdminError) return error.message;
  return toInertText(error instanceof Error ? error.message : 'unknown');
}
