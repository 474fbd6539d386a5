// Finds what the user of a kubeconfig's context says to this program as its exec plugin (client-go api/v1 ExecConfig).

import { readFile } from 'node:fs/promises';
import { delimiter, basename } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

const PROGRAM = 'kubelet-gateway';

const kubeconfig = z.object({
  'current-context': z.string().optional(),
  contexts: z
    .array(z.object({ name: z.string(), context: z.object({ user: z.string().optional() }) }))
    .nullish(),
  users: z
    .array(
      z.object({
        name: z.string(),
        user: z.object({
          exec: z.object({ command: z.string(), args: z.array(z.string()).nullish() }).nullish(),
        }),
      }),
    )
    .nullish(),
});

/**
 * `files` is a list as in $KUBECONFIG. Undefined: the context's user does not sign in with this program. Rejects with an
 * Error, whose message is for the person who asked, when a file or the context is not what it should be.
 */
export async function readPluginArguments(
  files: string,
  context?: string,
): Promise<readonly string[] | undefined> {
  const found = await Promise.all(files.split(delimiter).filter(Boolean).map(readKubeconfig));
  const configs = found.filter((config) => config !== undefined);
  const name = context ?? configs.find((config) => config['current-context'])?.['current-context'];
  const user = configs.flatMap(({ contexts }) => contexts ?? []).find((candidate) => candidate.name === name)
    ?.context.user;
  if (context !== undefined && user === undefined) throw new Error(`there is no context "${context}"`);
  const exec = configs.flatMap(({ users }) => users ?? []).find((candidate) => candidate.name === user)
    ?.user.exec;
  const args = exec?.args ?? [];
  const at = args.indexOf('login');
  const isOurs =
    basename(exec?.command ?? '').startsWith(PROGRAM) || args[at - 1]?.endsWith('main.js') === true;
  return isOurs && at !== -1 ? args.slice(at + 1) : undefined;
}

async function readKubeconfig(file: string): Promise<z.output<typeof kubeconfig> | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    // kubectl passes over the files of the list that are not there.
    return undefined;
  }
  const checked = kubeconfig.safeParse(parse(text));
  if (!checked.success) throw new Error(`${file} is no kubeconfig`);
  return checked.data;
}
