# The image of kubelet-gateway: Node.js, dist/ and the production dependencies, run by a user without rights. Nothing is
# written below /app, so the root file system can be read-only; the audit log needs a volume where the configuration
# puts it. No container engine was at hand when this was written: its steps are run without one by
# scripts/check-image.sh, the file itself has not been built.
FROM node:24-slim AS build
WORKDIR /source
COPY package.json package-lock.json .npmrc tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY src src
RUN sh scripts/build-image.sh /source /app

FROM node:24-slim
ENV NODE_ENV=production
COPY --from=build /app /app
WORKDIR /app
USER 65532:65532
EXPOSE 8443 9443
# Orchestrators ask /livez and /readyz of the admin listener themselves.
HEALTHCHECK NONE
# What is young is kept in 32 MB and not in 64 (docs/adr/0025).
ENTRYPOINT ["node", "--max-semi-space-size=16", "/app/dist/main.js"]
CMD ["serve", "--config", "/etc/kubelet-gateway/gateway.yaml"]
