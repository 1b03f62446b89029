# The base with Debian's newest packages. Images that lack security updates are built again on it (cli/updates.py).
ARG BASE_IMAGE=debian:trixie-slim
FROM ${BASE_IMAGE}
# The date of Debian's index: another one runs the step again, which the builder would otherwise take from its cache.
ARG DEBIAN_INDEX
RUN --mount=type=bind,source=images/base/apt-install,target=/build/apt-install --mount=type=secret,id=ca_bundle \
    /build/apt-install
# Images inherit the label, so that the next build of an image starts from the same base.
ARG NAME
LABEL landfast.base=${NAME}
