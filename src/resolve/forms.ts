// The forms, besides plain JSON, in which kubectl's paths are answered: meta.k8s.io/v1 (apimachinery pkg/apis/meta/v1).

export const TABLE = { as: 'Table', group: 'meta.k8s.io', version: 'v1' } as const;
