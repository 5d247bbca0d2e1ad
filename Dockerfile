# The server as an image: docker build -t headrace .    docs/install.md says how it is run.
FROM debian:12 AS build
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates
COPY . /src
WORKDIR /src
RUN ./dev package

# The package brings the libraries that the program was linked with, and no others.
FROM debian:12-slim
# The package's user, with a number that whoever mounts a volume or a secret can rely on.
RUN mkdir -p /etc/sysusers.d \
  && echo 'u headrace 65532 "Headrace" /var/lib/headrace' >/etc/sysusers.d/headrace.conf
COPY --from=build /src/build/packages/ /tmp/packages/
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates systemd-standalone-sysusers \
    /tmp/packages/*.deb \
  && install -d -m 750 -o headrace -g headrace /var/lib/headrace \
  && rm -rf /tmp/packages /var/lib/apt/lists/*

USER 65532:65532
# Who publishes the port says who can reach it, and has to see to TLS: docs/security.md.
ENV HEADRACE_CONFIG=/etc/headrace/headrace.toml \
    HEADRACE_HTTP_LISTEN=tcp://0.0.0.0:8080 \
    HEADRACE_ALLOW_PLAIN=true \
    HEADRACE_API_KEY_FILE=/run/secrets/headrace-api-key
VOLUME /var/lib/headrace
EXPOSE 8080
# It drains for up to drain_delay and shutdown_timeout: docker stop -t 60.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
  CMD ["headrace", "probe", "readyz"]
ENTRYPOINT ["headrace"]
CMD ["serve"]
