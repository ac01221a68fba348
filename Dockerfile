# syntax=docker/dockerfile:1
# Builds in one stage and runs in another, without compiler and package cache.
FROM node:24.21.0-slim AS build
WORKDIR /build
COPY package.json package-lock.json tsconfig.json rolldown.config.ts vite.config.ts vite.standalone.config.ts ./
RUN npm ci
COPY src ./src
RUN npm run build && npm prune --omit=dev
# What is in the image besides Node and its base: `docker run --rm --entrypoint cat IMAGE sbom.cdx.json`. npm lists what is
# installed only where nothing else is asked for, and leaves out too much with `--omit=dev`.
RUN npm pkg delete devDependencies && npm sbom --sbom-format=cyclonedx > sbom.cdx.json

FROM node:24.21.0-slim
ARG VERSION=0.2.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Torwart" \
  org.opencontainers.image.description="Gateway in front of Ollama, LocalAI and other model servers" \
  org.opencontainers.image.version="$VERSION" \
  org.opencontainers.image.revision="$REVISION" \
  org.opencontainers.image.documentation="deploy/README.md" \
  org.opencontainers.image.base.name="docker.io/library/node:24.21.0-slim"
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY --from=build /build/package.json /build/sbom.cdx.json ./
COPY config ./config
# nobody:nogroup owns nothing in the image, so it can change nothing in it.
USER 65534:65534
EXPOSE 8080 9464
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9464/livez').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/main.js"]
CMD ["serve", "-c", "/etc/torwart/torwart.yaml"]
