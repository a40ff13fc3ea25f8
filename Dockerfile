# imagineid on processors, without PyTorch.
#   docker build -t imagineid .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD":/work imagineid generate speech.wav -o out.mp4
FROM python:3.12-slim AS build
ARG EXTRAS=""
COPY . /src
RUN python -m pip wheel --no-cache-dir --wheel-dir /wheels "/src${EXTRAS:+[$EXTRAS]}"

FROM python:3.12-slim
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    python -m pip install --no-cache-dir --no-compile --no-index --no-deps /wheels/*.whl
# What is kept (avatars, cached frames) is writable for any user that --user names.
ENV IMAGINEID_HOME=/var/lib/imagineid
RUN useradd --create-home --uid 1000 imagineid \
    && mkdir --mode=1777 "$IMAGINEID_HOME"
USER imagineid
WORKDIR /work
ENTRYPOINT ["imagineid"]
CMD ["--help"]
