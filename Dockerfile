# Clarion's server as an image. Try it with the sandbox inside:
#
#   docker build -t clarion .
#   docker run --rm -it clarion dev
#
# Without TLS the server listens on loopback only, which in a container is the container's own. So for others, the first
# administrator first, and then a certificate that the user 10001 can read:
#
#   docker run --rm -v clarion:/var/lib/clarion clarion init > token
#   docker run -d -v clarion:/var/lib/clarion -v /etc/clarion:/etc/clarion:ro -p 8080:8080 -e CLARION_LISTEN=0.0.0.0:8080 \
#     -e CLARION_TLS_CERTIFICATE_FILE=/etc/clarion/tls.pem -e CLARION_TLS_KEY_FILE=/etc/clarion/tls-key.pem clarion
#
# PostgreSQL: -e CLARION_DATABASE_URL=… for both. docs/configuration.md has every setting.
# `scripts/verify_dockerfile.sh` runs these steps without a Docker engine.

FROM python:3.13-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# Dependencies first: this layer is kept until the lock changes. Wheels only, so no compiler is needed.
COPY requirements/build.txt requirements/server.txt requirements/
RUN python -m venv /build && /build/bin/pip install --require-hashes -r requirements/build.txt
RUN python -m venv /opt/clarion && /opt/clarion/bin/pip install --require-hashes --only-binary :all: -r requirements/server.txt
COPY LICENSE README.md pyproject.toml ./
COPY server server
COPY clients/python clients/python
RUN /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . clients/python
RUN /opt/clarion/bin/pip install --no-deps --no-index /wheels/*.whl
# The runtime installs nothing more.
RUN /opt/clarion/bin/pip check && /opt/clarion/bin/pip uninstall --yes pip

FROM python:3.13-slim-bookworm
RUN groupadd --gid 10001 clarion && useradd --uid 10001 --gid clarion --home-dir /var/lib/clarion --create-home --shell /usr/sbin/nologin clarion
COPY --from=build /opt/clarion /opt/clarion
ENV PATH=/opt/clarion/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER clarion
# The working directory holds the database and the keyring.
WORKDIR /var/lib/clarion
VOLUME /var/lib/clarion
EXPOSE 8080
# First stage: no new calls, those in flight are finished; second stage: close. Give it time: docker stop -t 60.
STOPSIGNAL SIGTERM
# It finds the server by CLARION_LISTEN and CLARION_TLS_CERTIFICATE_FILE.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["clarion-server", "health"]
ENTRYPOINT ["clarion-server"]
CMD ["serve"]
