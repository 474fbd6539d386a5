// The section `nodes`: which nodes there are, from one of three sources, and which addresses may be dialled. The entries
// of a node file are those of the list.

import { z } from 'zod';
import { NODE_ADDRESS_TYPES } from '../../core/node-source.ts';
import { toSuggestion } from '../nearest.ts';
import { cidr, dialPort, fileName, host, isHost, nodeName } from './scalars.ts';
import { distinct, someOf, strict } from './strict.ts';

/** The subject of the certificates that Kubernetes' own signer gives to kubelets. */
const NODE_SUBJECT = 'system:node:{node}';

const ENTRY_NAME_WORDS = 'must be a host name, an IP address without brackets, or system:node:{node}';

const certificatePin = z.string().regex(/^sha256\/[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/, {
  error: 'must be sha256/ and a SHA-256 digest in base64: 44 characters, of which the last is =',
});

const nodeEntry = strict({
  name: nodeName.describe('Name of the Node object.'),
  address: host.describe('Host name or IP address that is dialled.'),
  port: dialPort.prefault(10_250).describe("Port of the kubelet's API."),
  serverName: z
    .string()
    .refine((text) => text === NODE_SUBJECT || isHost(text), { error: ENTRY_NAME_WORDS })
    .exactOptional()
    .describe(
      "Name or IP address that the kubelet's serving certificate must be valid for, or system:node:{node}, the whole subject of certificates of the signer kubernetes.io/kubelet-serving. Default: the node's name.",
    ),
  certificateAuthorityFile: fileName
    .exactOptional()
    .describe(
      "PEM bundle that the kubelet's serving certificate must chain to. It may be left out where there are certificatePins.",
    ),
  certificatePins: someOf(certificatePin, 'pin')
    .check(distinct('pin'))
    .exactOptional()
    .describe(
      'Public keys of the kubelet, one of which its serving certificate must have: sha256/ and the digest of the SubjectPublicKeyInfo in base64. Without an authority the key alone is trusted, whatever the certificate says, for as long as it is valid.',
    ),
  labels: z
    .record(z.string(), z.string({ error: 'must be a string: quote it' }))
    .exactOptional()
    .describe('Labels of the node, for the rules that look at them.'),
}).superRefine((value, ctx) => {
  if (value.certificateAuthorityFile !== undefined) return;
  if (value.certificatePins === undefined) {
    const message = 'is required, unless there are certificatePins';
    ctx.addIssue({ code: 'custom', path: ['certificateAuthorityFile'], message });
  } else if (value.serverName !== undefined) {
    const message = 'is not looked at without a certificateAuthorityFile: the pins say which key is trusted';
    ctx.addIssue({ code: 'custom', path: ['serverName'], message });
  }
});

const SERVER_NAME_WORDS =
  'must be {node}, {address}, system:node:{node}, or a host name in which {node} may stand';

/** As `{node}` would be replaced by a node's name. */
const serverNameTemplate = z.string().refine(
  (text) => {
    if (text === '{address}' || text === 'system:node:{node}') return true;
    return host.safeParse(text.replaceAll('{node}', 'node')).success;
  },
  { error: SERVER_NAME_WORDS },
);

const kubernetes = strict({
  kubeconfigFile: fileName.exactOptional().describe('Kubeconfig of the API server whose Nodes are followed.'),
  inCluster: z
    .literal(true, { error: 'must be true, or be left out' })
    .exactOptional()
    .describe("Follow the Nodes of the cluster that the gateway runs in, with its pod's ServiceAccount."),
  labelSelector: z
    .string()
    .min(1)
    .exactOptional()
    .describe('Only nodes that it selects, as kubectl writes it: `pool=gpu,!edge`. Default: all.'),
  addressTypes: someOf(z.enum(NODE_ADDRESS_TYPES), 'type')
    .check(distinct('type'))
    .prefault(['InternalIP'])
    .describe('The first of these types of which a node has an address is dialled.'),
  ports: someOf(dialPort, 'port')
    .prefault([10_250])
    .describe(
      'Ports that may be dialled. A node whose status says that its kubelet listens at another one is left out.',
    ),
  certificateAuthorityFile: fileName.describe(
    "PEM bundle that the kubelets' serving certificates must chain to.",
  ),
  serverName: serverNameTemplate
    .prefault('{node}')
    .describe(
      "What a kubelet's serving certificate must be valid for: {node}, {address} (what is dialled), a host name that holds {node}, or system:node:{node}, the subject of certificates of the signer kubernetes.io/kubelet-serving.",
    ),
  cachePath: fileName
    .exactOptional()
    .describe(
      'Keeps the last known nodes, so that a gateway that starts while the API server is away has nodes. It must be writable.',
    ),
})
  .superRefine((value, ctx) => {
    if ((value.kubeconfigFile === undefined) === (value.inCluster === undefined)) {
      ctx.addIssue({ code: 'custom', message: 'needs exactly one of kubeconfigFile and inCluster' });
    }
  })
  .describe('Follow the Node objects of a Kubernetes API server.');

const SOURCES = ['list', 'file', 'kubernetes'] as const;

export const nodes = z
  .strictObject(
    {
      list: someOf(nodeEntry, 'node').exactOptional().describe('The nodes themselves.'),
      file: fileName
        .exactOptional()
        .describe(
          'A NodeList (kubelet-gateway.io/v1alpha1) with entries like those of list. It is read again when it changes; while it is not good the last good one counts.',
        ),
      kubernetes: kubernetes.exactOptional(),
      allowedAddresses: z
        .array(cidr)
        .prefault([])
        .describe(
          'Ranges that are dialled although no node of a cluster has such addresses: loopback, link-local, metadata services, multicast and the like are refused unless they are named here. Never a listener of the gateway itself.',
        ),
    },
    {
      error: (issue) => {
        if (Array.isArray(issue.input)) return 'must be a mapping: put the nodes below the key list';
        return issue.code === 'unrecognized_keys'
          ? (issue.keys as readonly string[])
              .map((key) => `unknown key${toSuggestion(key, [...SOURCES, 'allowedAddresses'])}`)
              .join('\n')
          : undefined;
      },
    },
  )
  .superRefine((value, ctx) => {
    if (SOURCES.filter((source) => value[source] !== undefined).length !== 1) {
      ctx.addIssue({ code: 'custom', message: 'needs exactly one of list, file and kubernetes' });
    }
  })
  .describe('The nodes that can be reached.');

const NODE_LIST_KIND = 'NodeList';

/** The sections of a node file. */
export const NODE_LIST_SECTIONS = (apiVersion: string) =>
  strict({
    apiVersion: z.literal(apiVersion),
    kind: z.literal(NODE_LIST_KIND),
    metadata: z.unknown().exactOptional(),
    items: z.array(nodeEntry),
  });

export type NodeEntryFile = z.output<typeof nodeEntry>;
export type NodesSection = z.output<typeof nodes>;
