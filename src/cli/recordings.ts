// kubelet-gateway recordings: which there are, one played in the terminal, in another form, or searched for a text. What it
// does is in recordings/.

import type { Command } from './command.ts';
import { CONNECTION_SYNOPSIS } from './admin/connection.ts';

export const recordingsCommand: Command = {
  name: 'recordings',
  synopsis: '(list | play ID | export ID | search TEXT) …',
  summary: 'List recorded sessions, play one, export it, or search what was on their screens.',
  details: [
    'Where from: --directory DIR | --config FILE (what it says of recording) | a gateway, as whom:',
    CONNECTION_SYNOPSIS,
    '--identity FILE   Of age, for encrypted recordings. It stays here.',
    'Which: [--user NAME] [--node NAME] [--namespace NAME] [--pod NAME] [--since TIME] [--until TIME]',
    '       A time is RFC 3339, or a duration ago such as 2h or 7d.',
    'list    [which] [--wide]',
    'play    ID [--speed N] [--idle-limit DURATION]    What would reach beyond the screen is marked and not done.',
    'export  ID [--format asciicast-v3|asciicast-v2|text|raw] [--output FILE]    raw holds whatever the session said.',
    'search  TEXT [which] [-i]    Prints recording, time in it, and line. Exit code 1: nothing was found.',
  ].join('\n'),
  async run(args, terminal) {
    // Loaded when it is needed: the other commands want none of it.
    const { runRecordings } = await import('./recordings/run.ts');
    return runRecordings(args, terminal);
  },
};
