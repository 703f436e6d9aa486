# docker build .                    Halo: halod and hactl, static, on nothing else
# docker build --target whoami .    the demonstration's application server
#
# Needs no BuildKit: docker-compose 1.29 builds with the classic builder.

# The workspace as the dependencies see it: manifests, and empty programs and libraries. The next
# stage's first build depends on nothing else, so an edited source file does not rebuild the
# dependencies (COPY --from is cached by content).
FROM debian:bookworm-slim AS manifests
WORKDIR /src
COPY . .
RUN find . -type f ! -name Cargo.toml ! -name Cargo.lock ! -name '*.rs' -delete \
 && find crates -name '*.rs' ! -path 'crates/*/src/main.rs' ! -path 'crates/*/src/lib.rs' \
         ! -path 'crates/*/build.rs' ! -path 'crates/*/src/bin/*' -delete \
 && find . -name '*.rs' -exec sh -c 'for f; do echo "#![allow(warnings)] fn main() { }" > "$f"; done' sh {} +

FROM rust:1-slim-bookworm AS build
WORKDIR /src
# glibc, linked in: Halo looks up no host names, and resolves users from /etc/passwd, which a static
# glibc can do by itself. An explicit --target keeps the flag from build scripts and macros.
ENV RUSTFLAGS="-C target-feature=+crt-static" \
    CARGO_TERM_COLOR=never \
    CARGO_INCREMENTAL=0
COPY --from=manifests /src .
RUN host=$(rustc -vV | sed -n 's/^host: //p') \
 && cargo build --locked --release --target "$host" -p halod -p hactl -p whoami
COPY . .
# The copied files are older than the empty ones that cargo just built.
RUN host=$(rustc -vV | sed -n 's/^host: //p') \
 && find crates -name '*.rs' -exec touch {} + \
 && cargo build --locked --release --target "$host" -p halod -p hactl -p whoami \
 && mkdir -p /out/bin /out/root/run /out/root/etc/halo /out/root/tmp \
 && chmod 1777 /out/root/tmp \
 && cp deploy/image/passwd deploy/image/group /out/root/etc/ \
 && cd "target/$host/release" && cp halod hactl whoami /out/bin/

FROM scratch AS whoami
COPY --from=build /out/root /
COPY --from=build /out/bin/whoami /usr/bin/whoami
USER nobody
EXPOSE 8080
ENTRYPOINT ["/usr/bin/whoami"]

# Root is in the data plane's group (deploy/image/group): in a container without CAP_DAC_OVERRIDE
# `hactl` could not open its socket otherwise.
FROM scratch AS halo
COPY --from=build /out/root /
COPY --from=build /out/bin/halod /out/bin/hactl /usr/bin/
# SIGTERM hands the virtual IPs over to another node before the agent ends.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=5s CMD ["/usr/bin/hactl", "status"]
ENTRYPOINT ["/usr/bin/halod"]
