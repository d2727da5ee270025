# The project as it runs from its checkout: the top-level packages have general names, so they are
# installed editable from /foundry and never mixed with somebody else's packages of those names.
FROM python:3.13-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends git openssh-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 foundry \
    && install --directory --owner foundry --group foundry --mode 0700 /data

WORKDIR /foundry

# What it depends on changes less often than itself: a layer of its own.
COPY pyproject.toml constraints.txt ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > /tmp/requirements.txt \
    && pip install --no-cache-dir --disable-pip-version-check --constraint constraints.txt --requirement /tmp/requirements.txt \
    && rm /tmp/requirements.txt

COPY . .
RUN pip install --no-cache-dir --disable-pip-version-check --constraint constraints.txt --editable . \
    && python -m compileall -q .

USER foundry
ENV FOUNDRY_DATA=/data \
    FOUNDRY_LISTEN=0.0.0.0:7741
VOLUME /data
EXPOSE 7741
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=6 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:7741/healthz', timeout=2)"]

ENTRYPOINT ["foundry"]
CMD ["serve"]
