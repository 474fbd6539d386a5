// An explanation for people: one paragraph for each stage, in the order of the line.

import type { Explanation, Question, TriedMapping } from './explanation.ts';

const quote = (text: string): string => JSON.stringify(text);

const STDIN_WORDS = {
  off: 'not recorded',
  on: 'recorded too',
  echo: 'recorded as far as the terminal shows it',
} as const;

/** Ends in a line feed. */
export function toExplanationText(explanation: Explanation): string {
  const { outcome, notes, user, request, endpointsOff } = explanation;
  const lines = [
    `user        ${quote(user.name)} in ${user.groups.map(quote).join(', ') || 'no group'}`,
    ...Object.entries(user.extra).map(
      ([key, values]) => `            extra ${quote(key)}: ${values.map(quote).join(', ')}`,
    ),
    `request     ${request.method} ${request.target}`,
    ...(endpointsOff.length === 0 ? [] : [`endpoints   off: ${endpointsOff.join(', ')}`]),
    ...toPermission(explanation),
    ...toAuthorization(explanation),
    ...toLocation(explanation),
    ...toMappings('mapping', explanation.mappings),
    ...(explanation.credential === undefined
      ? []
      : [
          `credential  ${quote(explanation.credential.name)}, a ${KINDS[explanation.credential.kind] ?? explanation.credential.kind}`,
        ]),
    ...toWatch(explanation),
    ...notes.map((note) => `note        ${note}`),
    ...toOutcome(outcome),
  ];
  return `${lines.map(printable).join('\n')}\n`;
}

const KINDS: Readonly<Record<string, string>> = {
  certificate: 'client certificate',
  bearerToken: 'bearer token',
};

function toPermission({ permission, node }: Explanation): string[] {
  if (permission === undefined) return [];
  return [
    'permit      the pod is looked for where one of these is allowed, or the right on some nodes:',
    ...permission.questions.map((question) => `            - ${question.right}: ${toDecision(question)}`),
    ...(node === undefined ? [] : [`find        the API server says that the pod is on node ${quote(node)}`]),
  ];
}

function toAuthorization({ action, node, authorization }: Explanation): string[] {
  if (action === undefined || authorization === undefined) return [];
  return [
    `action      ${action.kind} on node ${quote(node ?? '')}`,
    `authorizer  ${authorization.mode}, which is asked in this order until one is allowed:`,
    ...authorization.questions.map((question) => `            - ${question.right}: ${toDecision(question)}`),
  ];
}

const DECISIONS: Readonly<Record<Question['decision'], string>> = {
  allow: 'allowed',
  deny: 'denied',
  noOpinion: 'not allowed',
  error: 'could not be decided',
  notAsked: 'not asked',
};

const toDecision = ({ decision, reason }: Question): string =>
  `${DECISIONS[decision]}${reason === '' ? '' : ` (${reason})`}`;

function toLocation({ entry, podsFirst }: Explanation): string[] {
  const lines = [];
  if (podsFirst !== undefined) {
    lines.push(
      podsFirst.credential === undefined
        ? 'pods        the node would first be asked for its pods, and there is no credential for that'
        : `pods        the node would first be asked for its pods, with the credential ${quote(podsFirst.credential)}; that the pod and the container are there is taken for granted here`,
      ...toMappings('', podsFirst.mappings),
    );
  }
  if (entry !== undefined) {
    lines.push(`node        ${entry.address} port ${entry.port}, certificate for ${quote(entry.serverName)}`);
  }
  return lines;
}

const MISMATCHES: Readonly<Record<NonNullable<TriedMapping['mismatch']>, string>> = {
  actions: 'its actions do not hold this one',
  nodes: 'its nodes do not hold this one',
  users: 'its users do not hold this one',
  groups: 'the user is in none of its groups',
  when: 'its expression is false',
  grant: "it gives a certificate of the user's own, which serves rights on nodes only",
};

const toMappings = (title: string, mappings: readonly TriedMapping[] = []): string[] =>
  mappings.map(
    ({ index, credential, mismatch }, at) =>
      `${(at === 0 ? title : '').padEnd(12)}credentialMappings[${index}] (${quote(credential)}): ` +
      (mismatch === undefined ? 'matches' : `does not match, ${MISMATCHES[mismatch]}`),
  );

function toWatch({ recording, limits, policy }: Explanation): string[] {
  if (limits === undefined) return [];
  const { answerMs, idleMs, absoluteMs, credentialExpiryGraceMs } = limits;
  return [
    ...(policy === undefined || policy === null
      ? []
      : [`policy      sessionPolicy.rules[${policy.index}] matches, and is kept`]),
    recording === undefined || recording === null
      ? 'recording   none: no rule matches, or the one that does says off'
      : `recording   ${recording.rule.mode}, by recording.rules[${recording.index}]; what is typed is ${STDIN_WORDS[recording.rule.stdin]}`,
    `limits      answer ${toDuration(answerMs)}, idle ${toDuration(idleMs)}, in all ${toDuration(absoluteMs)}, ${toDuration(credentialExpiryGraceMs)} after the user's credential has expired`,
  ];
}

const toDuration = (ms: number | null): string => (ms === null ? 'without limit' : `${ms / 1000} s`);

function toOutcome(outcome: Explanation['outcome']): string[] {
  switch (outcome.kind) {
    case 'allowed':
      return ['outcome     allowed: the node would be dialled now'];
    case 'notDecided':
      return [`outcome     not decided: ${outcome.why ?? 'nobody was asked'}`];
    case 'refused':
      return [
        `outcome     refused at ${outcome.stage} with ${outcome.code} ${outcome.reason}: ${outcome.message}`,
        ...(outcome.cause === undefined ? [] : [`            ${outcome.cause}`]),
      ];
  }
}

/** Other people's words go to a terminal here: nothing in them moves its cursor or hides a part of a line. */
const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\uFFFD');
