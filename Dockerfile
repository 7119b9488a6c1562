# syntax=docker/dockerfile:1

# The pages, the widget and the client library. What is installed changes more rarely than what is built from.
FROM node:22-bookworm-slim AS ui
WORKDIR /ui
COPY static/package.json static/package-lock.json static/.npmrc ./
COPY static/client/package.json client/
RUN --mount=type=cache,target=/root/.npm npm ci
COPY static .
RUN npm run build

FROM rust:1-bookworm AS builder
WORKDIR /build
COPY . .
COPY --from=ui /ui/dist static/dist
# The caches survive from build to build; the binary has to leave them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --locked --release --bin parlour \
    && install -D target/release/parlour /out/parlour

FROM debian:bookworm-slim
# For databases behind TLS with a certificate of a public authority nothing else is needed: the roots are compiled in.
RUN useradd --system --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin parlour \
    && install --directory --owner=parlour --group=parlour --mode=0700 /data
COPY --from=builder /out/parlour /usr/local/bin/parlour
COPY LICENSE-MIT LICENSE-APACHE /usr/share/doc/parlour/
USER parlour
WORKDIR /data
ENV PARLOUR_DATA_DIR=/data \
    PARLOUR_SERVER__HOST=0.0.0.0 \
    PARLOUR_LOG__FORMAT=json
VOLUME /data
EXPOSE 4000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["parlour", "health"]
ENTRYPOINT ["parlour"]
CMD ["serve"]
