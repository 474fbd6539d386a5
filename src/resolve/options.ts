// The parameters of logs, exec and attach in the words of both surfaces: the kubelet's own (`input`, `output`,
// `error`), and those that kubectl sends to an API server (`stdin`, `stdout`, `stderr`). Rules:
// pkg/kubelet/server/server.go, pkg/apis/core/validation (PodLogOptions), cri-streaming remotecommand.

import type { LogOptions, StreamFlags } from '../core/action.ts';
import { Fault } from '../core/fault.ts';
import type { Parameters } from './parameters.ts';
import { badParameter } from './parameters.ts';
import { readInteger, readOne, readTime, readTruthy } from './values.ts';

/** The same names on both surfaces. Unset and false options are left out. */
export function readLogOptions(parameters: Parameters): LogOptions {
  if (readTruthy(parameters, 'insecureSkipTLSVerifyBackend')) {
    throw badParameter('insecureSkipTLSVerifyBackend', 'is not offered: the node is always verified');
  }
  const sinceSeconds = readInteger(parameters, 'sinceSeconds', 1);
  const sinceTime = readTime(parameters, 'sinceTime');
  if (sinceSeconds !== undefined && sinceTime !== undefined) {
    throw badParameter('sinceTime', 'excludes sinceSeconds');
  }
  const tailLines = readInteger(parameters, 'tailLines', 0);
  const stream = readStream(parameters);
  if (tailLines !== undefined && stream !== undefined && stream !== 'All') {
    throw badParameter('stream', 'excludes tailLines');
  }
  const limitBytes = readInteger(parameters, 'limitBytes', 1);
  return {
    ...(readTruthy(parameters, 'follow') && { follow: true }),
    ...(readTruthy(parameters, 'previous') && { previous: true }),
    ...(readTruthy(parameters, 'timestamps') && { timestamps: true }),
    ...(sinceSeconds !== undefined && { sinceSeconds }),
    ...(sinceTime !== undefined && { sinceTime }),
    ...(tailLines !== undefined && { tailLines }),
    ...(limitBytes !== undefined && { limitBytes }),
    ...(stream !== undefined && { stream }),
  };
}

/** The kubelet's older `tail` beside the others: a number of lines, or `all`. */
export function readKubeletLogOptions(parameters: Parameters): LogOptions {
  const options = readLogOptions(parameters);
  const tail = parameters.one('tail');
  if (tail === undefined) return options;
  if (options.tailLines !== undefined) throw badParameter('tail', 'excludes tailLines');
  if (tail === 'all') return options;
  const tailLines = readInteger(parameters, 'tail', 0);
  return tailLines === undefined ? options : { ...options, tailLines };
}

function readStream(parameters: Parameters): LogOptions['stream'] {
  const stream = parameters.one('stream');
  switch (stream) {
    case undefined:
    case 'All':
    case 'Stdout':
    case 'Stderr':
      return stream;
    default:
      throw badParameter('stream', 'must be All, Stdout or Stderr');
  }
}

export const readKubeletStreams = (parameters: Parameters): StreamFlags =>
  toStreams({
    stdin: readOne(parameters, 'input'),
    stdout: readOne(parameters, 'output'),
    stderr: readOne(parameters, 'error'),
    tty: readOne(parameters, 'tty'),
  });

export const readKubectlStreams = (parameters: Parameters): StreamFlags =>
  toStreams({
    stdin: readTruthy(parameters, 'stdin'),
    stdout: readTruthy(parameters, 'stdout'),
    stderr: readTruthy(parameters, 'stderr'),
    tty: readTruthy(parameters, 'tty'),
  });

/** A terminal has no stderr of its own: the kubelet drops it, and so it is dropped before anybody looks at it. */
function toStreams(flags: StreamFlags): StreamFlags {
  const streams = { ...flags, stderr: flags.stderr && !flags.tty };
  if (!streams.stdin && !streams.stdout && !streams.stderr) {
    throw new Fault('BadRequest', 'you must specify at least 1 of stdin, stdout, stderr');
  }
  return streams;
}

/** An argument vector, without a shell. */
export function readCommand(parameters: Parameters): readonly string[] {
  const command = parameters.all('command');
  // The kubelet would upgrade first and fail afterwards.
  if (command[0] === undefined || command[0] === '') {
    throw new Fault('BadRequest', 'you must specify a command');
  }
  return command;
}
